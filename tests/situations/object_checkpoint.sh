# tf.train.Checkpoint keeps values under the names of attributes; the graph's
# names stand in its object graph.
says "it is restored" '\[\[6, 6\]\]' ctl --local . run --feed "$ones" --fetch y:0
says "verify explains" '[oO]bject' ctl --local . verify
