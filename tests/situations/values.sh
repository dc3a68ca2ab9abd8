# Single nodes whose answer was wrong, or that ended the process. What is right
# was asked of TensorFlow.
const() {  # NAME DTYPE FIELD DIMS VALUES, the last two with commas
  local dims=
  for size in ${4//,/ }; do dims+="dim { size: $size } "; done
  echo "node { name: '$1' op: 'Const'
    attr { key: 'dtype' value { type: $2 } }
    attr { key: 'value' value { tensor {
      dtype: $2 tensor_shape { $dims } $3: [ $5 ] } } } }"
}
node() {  # NAME OP INPUTS ATTR=VALUE…
  echo "node { name: '$1' op: '$2'"
  for input in $3; do echo "input: '$input'"; done
  for attr in "${@:4}"; do
    echo "attr { key: '${attr%%=*}' value { ${attr#*=} } }"
  done
  echo "}"
}
graph() { cat >graph.pbtxt; }
fetch() { ctl --local graph.pbtxt run --fetch "$1"; }

f='type: DT_FLOAT'
{ const y DT_FLOAT float_val 1 0; const dy DT_FLOAT float_val 1 0
  node sqrt SqrtGrad 'y dy' "T=$f"; node rsqrt RsqrtGrad 'y dy' "T=$f"
  node inv ReciprocalGrad 'y dy' "T=$f"; } | graph
for grad in sqrt rsqrt inv; do
  says "$grad: no gradient arrives, none leaves" '\[-?0\]' fetch "$grad:0"
done

{ const dy DT_FLOAT float_val 2 nan,inf; const x DT_FLOAT float_val 2 -1,-1
  node relu ReluGrad 'dy x' "T=$f"; } | graph
says "ReluGrad lets NaN pass where TensorFlow does" 'NaN|nan' fetch relu:0

{ const x DT_FLOAT float_val 2,3 5,1,5,2,9,9; const k DT_INT32 int_val '' 2
  node top TopKV2 'x k' "T=$f" 'index_type=type: DT_INT16'
  node odd TopKV2 'x k' "T=$f" 'index_type=type: DT_STRING'; } | graph
says "TopKV2 with indices of 16 bits" 'int16.*\[\[0, 2\], \[1, 2\]\]' fetch top:1
says "TopKV2 with indices that cannot be" 'INVALID_ARGUMENT.*index_type' fetch odd:1

for op in AddN Pack ConcatV2 DynamicStitch; do
  node n $op '' "T=$f" 'N=i: 0' | graph
  says "$op of nothing" 'INVALID_ARGUMENT' fetch n:0
done
for op in DepthToSpace SpaceToDepth; do
  { const x DT_FLOAT float_val 1,2,2,4 1; node n $op x "T=$f"; } | graph
  says "$op without block_size" 'INVALID_ARGUMENT.*block_size' fetch n:0
done

{ const x DT_FLOAT float_val 3 1,2,3; const axis DT_BOOL bool_val '' false
  node n Cumsum 'x axis' "T=$f" 'Tidx=type: DT_BOOL'; } | graph
says "an axis is no bool" 'INVALID_ARGUMENT' fetch n:0

{ const x DT_FLOAT float_val '' 3; const none DT_INT32 int_val 0 ''
  const empty DT_FLOAT float_val 0,3 ''; const shape DT_INT32 int_val 2 0,-1
  node reverse ReverseV2 'x none' "T=$f" 'Tidx=type: DT_INT32'
  node reshape Reshape 'empty shape' "T=$f" 'Tshape=type: DT_INT32'; } | graph
says "a scalar is its own reverse" '\b3$' fetch reverse:0
says "nothing, made a shape with -1" 'float \[0,3\]' fetch reshape:0

{ const dims DT_INT32 int_val 1 600000000; const x DT_FLOAT float_val '' 1
  node big Fill 'dims x' "T=$f" 'index_type=type: DT_INT32'; } | graph
serve --model big="$PWD/graph.pbtxt" --max_tensor_memory 8000000000
says "an answer of over 2 GiB" 'RESOURCE_EXHAUSTED' ctl run big --fetch big:0
says "and the daemon lives" '[[:space:]]AVAILABLE' ctl models
