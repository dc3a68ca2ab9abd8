# The end of a daemon, and its socket, which is its own.
cp -r "$here/models/versions/v1" .
log=$PWD/log
begin() {
  metagraphd --listen "unix:$PWD/socket" --model "a=$PWD/v1" 2>"$log" &
  daemon=$!
}
answers() { ctl --server "unix:$PWD/socket" run a --feed "$ones" --fetch y:0; }
ended() {  # SIGNAL: ends the daemon; its_code is its exit code
  code=0
  kill "-$1" "$daemon"
  wait "$daemon" 2>/dev/null || code=$?
  daemon=
}
its_code() { return "$code"; }

stop
begin
eventually "a daemon answers on its socket" '\[\[3, 3\]\]' answers
exits "a second one does not start on it" 1 \
  metagraphd --listen "unix:$PWD/socket"
says "it says why" 'socket.*another process listens' \
  metagraphd --listen "unix:$PWD/socket"
says "and the first one goes on" '\[\[3, 3\]\]' answers
ended KILL
exits "killed, it leaves its socket" 0 test -S socket
begin
eventually "the next daemon takes it over" '\[\[3, 3\]\]' answers
ended TERM
exits "TERM ends a daemon with 0" 0 its_code
says "and what it has heard is in the log" 'asked to end by signal 15' cat "$log"
exits "its socket is gone" 1 test -e socket
