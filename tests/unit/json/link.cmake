# SPDX-License-Identifier: MIT
# jansson is the oracle of the quick reader.
list(APPEND extra PkgConfig::JANSSON)
