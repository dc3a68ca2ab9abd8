# SavedModels of tf.saved_model.save keep their saver in functions, and name
# what they save by the way through the objects: "layers/0" is "b_1" here.
y() { ctl run m --feed 'serving_default_x:0=[1,1,1]' --fetch StatefulPartitionedCall:0; }
value() { ctl read m "$1"; }
mkdir -p moved/variables
cp model/saved_model.pb moved
denies "verify knows its variables" 'extra|missing' ctl --local model verify
says "verify is content" 'good' ctl --local model verify
serve --model m=model
says "it answers" '\[181, 182, 183\]' y
says "each b has its own value" '\b10$' value b_1
ctl assign m b=200 >"$work/out"
says "it is saved" 'saved' ctl save m --global-step 5
says "what was saved is whole" 'good' ctl verify m
denies "nothing of it is unknown" 'extra|missing' ctl verify m
says "it is saved as variables of a SavedModel" 'saved' \
  ctl save m "$PWD/moved/variables/variables" --no-global-step
says "a restore takes the old values" 'restored' \
  ctl restore m variables/variables
says "…of both" '\[181, 182, 183\]' y
says "a restore takes the new ones" 'restored' ctl restore m model.ckpt-5
says "…of both, too" '\[1801, 1802, 1803\]' y
serve --model m=moved
says "what was saved is a SavedModel again" '\[1801, 1802, 1803\]' y
