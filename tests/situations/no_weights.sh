# A graph with variables and no values is never served as if all were well.
says "show says it" 'note.*variable' ctl --local model.meta show
serve --model m="$PWD/model.meta"
says "the log says it" '^W.*variable' cat "$log"
says "show says it over the wire" 'note.*variable' ctl show m
stop
exits "--require_checkpoint makes it an error" 1 \
  timeout 20 "$build/server/metagraphd" --listen 127.0.0.1:0 \
  --model m="$PWD/model.meta" --require_checkpoint
