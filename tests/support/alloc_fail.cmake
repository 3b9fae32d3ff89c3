# SPDX-License-Identifier: MIT
# Preloaded by tests that make allocations fail; sanitizers have allocators of their own.
if(SANITIZE STREQUAL "")
    add_library(alloc-fail MODULE ${CMAKE_CURRENT_LIST_DIR}/alloc_fail.c)
    target_compile_options(alloc-fail PRIVATE -fvisibility=default -Wno-missing-prototypes)
    target_link_libraries(alloc-fail PRIVATE flags)
    set_target_properties(alloc-fail PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
    add_test(NAME unit-without-memory COMMAND ${venv_python} ${CMAKE_CURRENT_LIST_DIR}/alloc_units ${CMAKE_BINARY_DIR})
    set_tests_properties(unit-without-memory PROPERTIES TIMEOUT 3600 LABELS unit FIXTURES_REQUIRED python)
endif()
