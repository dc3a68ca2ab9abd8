
 
parts:0BaBbBéBx