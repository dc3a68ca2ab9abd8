# Tables are ready when the model is; the vocabulary is found beside it.
look() { "$@" --feed 'words:0=["a","c","cat"]' --fetch letters:0 --fetch ids:0; }
says "--local" '\[0, 2, -1\]' look ctl --local . run
says "the vocabulary, too" '\[-1, -1, 1\]' look ctl --local . run
says "a note says which file" 'note.*vocab.txt' ctl --local . show
serve --model m="$PWD"
says "served" '\[0, 2, -1\]' look ctl run m
ctl init m --yes >/dev/null 2>&1 || true
ctl restore m >/dev/null
says "after init and restore" '\[-1, -1, 1\]' look ctl run m
mv vocab.txt away
says "a file that is missing is named" 'vocab.txt' ctl --local . show
