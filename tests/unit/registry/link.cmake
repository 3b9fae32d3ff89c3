list(APPEND extra PkgConfig::MICROHTTPD)
