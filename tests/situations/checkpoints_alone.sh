# What people type in place of a folder: a prefix, or a file that they see; with
# a graph or without one.
for what in v2/model.ckpt-3 v2/model.ckpt-3.index \
  v2/model.ckpt-3.data-00000-of-00001 v1/model.ckpt; do
  says "variables of $what" '^w\b.*\[3,2\]' ctl --local "$what" variables
  says "values of $what" '4, 4' ctl --local "$what" read w
  says "verify $what" 'good' ctl --local "$what" verify
  says "checkpoints of $what" 'model.ckpt' ctl --local "$what" checkpoints
done
y() { ctl --local "$1" run --feed "$ones" --fetch y:0; }
says "a prefix that ends in a slash" '\[\[12, 12\]\]' y slash/
says "a folder of such files" '\[\[12, 12\]\]' y slash
says "verify takes a .data file" 'good' \
  ctl --local slash verify slash/.data-00000-of-00001
cp slash/.meta v2/model.ckpt-3.meta
for what in v2/model.ckpt-3 v2/model.ckpt-3.index \
  v2/model.ckpt-3.data-00000-of-00001; do
  says "run $what" '\[\[12, 12\]\]' y "$what"
done
says "the state file leads to its checkpoint" 'good' ctl --local v2 verify checkpoint
