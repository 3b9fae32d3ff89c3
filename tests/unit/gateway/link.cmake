# SPDX-License-Identifier: MIT
# struct body_person and the features of the shipped file; what prints JSON is read back.
list(APPEND extra json domain base)
