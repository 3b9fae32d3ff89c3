# SPDX-License-Identifier: MIT
if(NOT TARGET support_http)
    add_library(support_http STATIC support/rude_server.c support/tls_server.c support/raw_client.c)
    target_include_directories(support_http PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(support_http PRIVATE base PkgConfig::CMOCKA flags)
endif()
list(APPEND extra support_http)
