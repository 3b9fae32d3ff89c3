# SPDX-License-Identifier: MIT
# Turns the file IN into the C source OUT: `const char SYMBOL[]` (NUL-terminated) and `const unsigned long SYMBOL_len`.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," hex "${hex}")
file(SIZE ${IN} size)
file(WRITE ${OUT} "extern const char ${SYMBOL}[];\nextern const unsigned long ${SYMBOL}_len;\nconst char ${SYMBOL}[] = {\n${hex}0};\nconst unsigned long ${SYMBOL}_len = ${size};\n")
