# Files under a model's names that hold something else are named for what they
# are.
cp "$here"/models/no_weights/model.meta whole.meta
graph() { cp "$1" it.pb; ctl --local it.pb show; rm -f it.pb; }
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 125\n' 7 >pointer
printf '<!DOCTYPE html>\n<html><body>404</body></html>\n' >page
printf 'PK\003\004\024\000\000\000\010\000%0100d' 0 >zip
printf 'model' | gzip >gz
tar cf tarball whole.meta
printf '\200\004\225\020\000\000\000\000\000\000\000}\224.' >pickle
printf '\211HDF\r\n\032\n%0100d' 0 >hdf5
printf '\034\000\000\000TFL3%0100d' 0 >tflite
says "a Git LFS pointer as a graph" 'Git LFS' graph pointer
says "an HTML page as a graph" 'HTML' graph page
says "a zip archive as a graph" '[zZ][iI][pP]' graph zip
says "gzip as a graph" 'gzip' graph gz
says "a tar archive as a graph" 'tar' graph tarball
says "a pickle as a graph" 'pickle' graph pickle
says "HDF5 as a graph" 'HDF5' graph hdf5
says "TFLite as a graph" 'TensorFlow Lite|TFLite' graph tflite
for part in index data-00000-of-00001 meta; do
  mkdir "$part"
  cp "$here"/models/changed_graph/old/* "$part"
  cp pointer "$part/model.ckpt.$part"
  says "a Git LFS pointer as .$part" 'Git LFS' ctl --local "$part" show
done
