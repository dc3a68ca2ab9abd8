# What a file is, its content tells, not its name.
y() { ctl --local "$1" run --feed "$ones" --fetch y:0; }

says "graph.pbtxt beside a checkpoint" '\[\[6, 6\]\]' y graphdef
says "a binary GraphDef beside a checkpoint" '\[\[6, 6\]\]' y binary
says "a binary GraphDef that is named" '\[\[6, 6\]\]' y binary/raw_graph_def.pb
says "a MetaGraphDef as text" '\[\[6, 6\]\]' y metatext
says "a MetaGraphDef as text that is named" '\[\[6, 6\]\]' y metatext/model.pbtxt
says "saved_model.pb that is named" '\[\[6, 6\]\]' y saved_model/saved_model.pb
mv metatext/model.pbtxt metatext/model.meta
says "a text .meta" '\[\[6, 6\]\]' y metatext
mv graphdef/graph.pbtxt graphdef/graph.meta
says "a GraphDef called .meta" '\[\[6, 6\]\]' y graphdef/graph.meta
