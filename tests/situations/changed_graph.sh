# The trainer starts again with another architecture, under the same names.
y() { ctl run m --feed "$ones" --fetch y:0; }
cp -r old a && cp -r old b
serve --model m="$PWD/a" --watch 0.2
says "the old model" '\[\[3, 3\]\]' y
cp new/* a
eventually "the log says why it is not taken, and what to do" \
  '^W.*watch_graph' cat "$log"
says "the old one serves on" '\[\[3, 3\]\]' y
serve --model m="$PWD/b" --watch 0.2 --watch_graph
says "the old model, again" '\[\[3, 3\]\]' y
cp new/* b
eventually "when asked, the new graph is taken" '\[\[15, 15, 15, 15\]\]' y
