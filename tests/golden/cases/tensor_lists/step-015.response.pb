

element_shape:0	R