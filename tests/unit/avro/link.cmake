# SPDX-License-Identifier: MIT
# The Avro library is the oracle: same values from the same bytes, same bytes from the same values.
list(APPEND extra PkgConfig::AVRO)
