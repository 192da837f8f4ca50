# Each line of a text file as a C string literal, to be included between `=` and `;`.
s/[\\"]/\\&/g
s/.*/"&\\n"/
