# A version counts when it is whole; one that is gone goes.
mkdir serve
cp -r v1 serve/1
serve --model m="$PWD/serve" --watch 0.2
y() { ctl run m --feed "$ones" --fetch y:0; }
says "version 1" '\[\[3, 3\]\]' y
mkdir serve/2
cp v2/saved_model.pb serve/2
kill -HUP "$daemon"
eventually "the log says what is awaited" 'm.*2.*(variables|whole|wait)' cat "$log"
says "without variables version 2 does not count" '\[\[3, 3\]\]' y
eventually "show says what is awaited" '2.*variables' ctl show m
mkdir serve/2/variables
cp v2/variables/variables.index serve/2/variables
kill -HUP "$daemon"
ctl models >/dev/null
says "nor with the index alone" '\[\[3, 3\]\]' y
cp v2/variables/variables.data-00000-of-00001 serve/2/variables
eventually "whole, it is served" '\[\[6, 6\]\]' y
rm -r serve/2
eventually "removed, it goes" '\[\[3, 3\]\]' y
denies "and is not listed" 'm[[:space:]]+2[[:space:]]+AVAILABLE' ctl models
rm -r serve/1
eventually "everything is removed: the log warns" '^W.*m' cat "$log"
says "and the last one serves on" '\[\[3, 3\]\]' y
