
3
joined_text:0"Ba,b-3.0B-0.0B	é,,x-5.0