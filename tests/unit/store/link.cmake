# SPDX-License-Identifier: MIT
if(NOT TARGET support_pg)
    add_library(support_pg STATIC support/pg.c)
    target_include_directories(support_pg PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(support_pg PRIVATE store PkgConfig::CMOCKA flags)
endif()
list(APPEND extra support_pg)
