# Checkpoints whose names are not the graph's: another scope; the trainable
# variables only, while the graph has an optimizer's slots.
y() { "$@" --feed "$ones" --fetch y:0; }
head_of_error() { ctl --local scope show 2>&1 | head -c 1000; }
says "one prefix explains it all" 'All fit with: .*--local scope --prefix ' \
  head_of_error
says "slots are named as such" 'optimizer.s slots.*--local trainables --skip-missing' \
  ctl --local trainables show
says "and so are they by the daemon" 'metagraphd --model .* --skip-missing' \
  metagraphd --model m="$PWD/trainables"
says "--local --skip-missing" '\[\[6, 6\]\]' \
  y ctl --local trainables --skip-missing run
serve --model m="$PWD/trainables" --skip-missing
says "served without them" '\[\[6, 6\]\]' y ctl run m
says "what is left out is said" 'only training uses them' ctl show m
says "and restored so again" 'restored' ctl restore m
