
4

gradient:0&"p2t=pÐ¼¯±>XH¾Ú§²½Zbq;