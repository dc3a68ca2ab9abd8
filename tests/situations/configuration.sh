# A configuration file: looked at before, applied at HUP, and nothing of a wrong
# one. What is measured can be scraped.
cp -r "$here/models/versions/." .
mkdir serve
cp -r v1 serve/1
cp -r v2 serve/2
configuration() { printf '%s\n' "$@" >config.yaml; }
check() { metagraphd --config config.yaml --check_config; }
y() { ctl run "$1" --feed "$ones" --fetch y:0; }

configuration 'models:' "  - {name: a, path: $PWD/v1}"
exits "a right file: 0" 0 check
configuration 'models:' "  - {name: a, path: $PWD/v1}" 'wach: 5s'
exits "a wrong one: 2" 2 check
says "and the line and the right key are named" 'line 3: .*wach.*watch' check

configuration 'models:' "  - {name: a, path: $PWD/v1}"
serve --config config.yaml --metrics_listen 127.0.0.1:0
says "the file's model is served" '\[\[3, 3\]\]' y a
says "another is not known" 'NOT_FOUND' y b

configuration 'models:' "  - {name: b, path: $PWD/serve, versions: all, labels: {stable: 1}}"
kill -HUP "$daemon"
eventually "HUP loads what was added" '\[\[6, 6\]\]' y b
says "the log tells who asked for it" 'model "b".*loading, by HUP' cat "$log"
eventually "its label is shown" 'AVAILABLE.*stable' ctl models
says "its label stands for a version" '\[\[3, 3\]\]' y b@stable
eventually "and unloads what was removed" 'NOT_FOUND' y a

configuration 'models:' "  - {name: c, path: $PWD/not_there}"
kill -HUP "$daemon"
eventually "a path without a model is told in the log" '^E.*not_there' cat "$log"
says "and changes nothing" '\[\[6, 6\]\]' y b
configuration 'models: ['
kill -HUP "$daemon"
eventually "and so is a file that is no YAML" '^E.*config.yaml: .*line' cat "$log"
says "which changes nothing either" '\[\[6, 6\]\]' y b

configuration 'models:' "  - {name: b, path: $PWD/v1}"
kill -HUP "$daemon"
eventually "a model with another path takes over" '\[\[3, 3\]\]' y b
cp -r v1 broken
truncate -s 1 broken/variables/variables.data-00000-of-00001
configuration 'models:' "  - {name: b, path: $PWD/broken}"
kill -HUP "$daemon"
eventually "one that is broken does not" '^E.*"b" goes on as it is: .*broken' cat "$log"
says "the old one stays" '\[\[3, 3\]\]' y b

metrics=$(tail -n 1 "$work/port")
scrape() {  # PATH
  local host=${metrics#http://}
  exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
  printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&3
  sed '1,/^\r$/d' <&3
  exec 3>&-
}
says "runs are counted" 'metagraphd_call_seconds_count.*model="b".*} [1-9]' scrape /metrics
says "it is ready" '^ready' scrape /readyz
if command -v promtool >/dev/null; then
  page() { scrape /metrics | promtool check metrics; }
  exits "promtool finds nothing wrong" 0 page
  denies "and says nothing" '.' page
else
  echo "skipped $situation: promtool is not here (Debian: prometheus)"
fi
