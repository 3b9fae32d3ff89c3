list(APPEND extra PkgConfig::RDKAFKA)
