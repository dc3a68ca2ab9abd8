
4

gradient:0&"¶19Àİ›M¿yìVÀ|ÃCA4f•@`Xb?