# SPDX-License-Identifier: MIT
# Programs that benchmarks run; none is a test.
add_executable(bench-score ${CMAKE_CURRENT_LIST_DIR}/bench_score.c)
target_link_libraries(bench-score PRIVATE model people flags)
if(SANITIZE STREQUAL "thread")
    target_link_libraries(bench-score PRIVATE $<TARGET_OBJECTS:c11threads>)
endif()
