
shadowed:0#shadowed/ExponentialMovingAverage:0"averaged