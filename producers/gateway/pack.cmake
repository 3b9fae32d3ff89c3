# SPDX-License-Identifier: MIT
# Compresses the file IN into OUT, a gzip file.
file(ARCHIVE_CREATE OUTPUT ${OUT} PATHS ${IN} FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
