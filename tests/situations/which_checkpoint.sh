# A .meta that is named takes the checkpoint of its own name, whatever the state
# file calls newest.
y() { ctl --local "$1" run --feed "$ones" --fetch y:0; }

says "best has its own weights" '\[\[3, 3\]\]' y best_last/best.ckpt.meta
says "last has its own weights" '\[\[21, 21\]\]' y best_last/last.ckpt.meta
says "the folder has the newest" '\[\[21, 21\]\]' y best_last
says "one of three tasks" '\[\[3, 3\]\]' y tasks/cart.ckpt.meta
says "another of three tasks" '\[\[6, 6\]\]' y tasks/pendulum.ckpt.meta
says "a step has its own weights" '\[\[3, 3\]\]' y steps/model.ckpt-1.meta
says "a graph whose weights are gone takes the newest" '\[\[15, 15\]\]' \
  y graph_only/model.ckpt-1.meta
says "and says so" 'note.*model.ckpt-2' ctl --local graph_only/model.ckpt-1.meta show

serve --model best="$PWD/best_last/best.ckpt.meta" \
  --model cart="$PWD/tasks/cart.ckpt.meta" \
  --model walker="$PWD/tasks/walker.ckpt.meta" --watch 0.2
says "the daemon, too" '\[\[3, 3\]\]' ctl run best --feed "$ones" --fetch y:0
says "several of one folder" '\[\[9, 9\]\]' ctl run walker --feed "$ones" --fetch y:0
# Its neighbour is saved again: no news to this one.
cp best_last/last.ckpt.index new.index && cp new.index best_last/last.ckpt.index
kill -HUP "$daemon"
ctl save best --global-step 5 >/dev/null
says "the neighbour's files are still there" '\[\[21, 21\]\]' y best_last/last.ckpt.meta
says "its own save stands under its own name" 'best.ckpt-5' ctl show best
ctl assign best 'w=[[4,4],[4,4],[4,4]]' >/dev/null
ctl restore best >/dev/null
says "restore takes its own newest" '\[\[3, 3\]\]' ctl run best --feed "$ones" --fetch y:0
# A trainer saves it again, with what are the neighbour's weights here.
for end in data-00000-of-00001 index; do
  cp "best_last/last.ckpt.$end" "best_last/best.ckpt-30.$end"
done
eventually "a later save of its own is taken" '\[\[21, 21\]\]' \
  ctl run best --feed "$ones" --fetch y:0
says "and show says which" 'note.*best.ckpt-30' ctl show best
says "the others of its folders are as they were" '\[\[9, 9\]\]' \
  ctl run walker --feed "$ones" --fetch y:0
