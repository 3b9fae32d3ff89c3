# SPDX-License-Identifier: MIT
# Programs that benchmarks run; none is a test.
foreach(bench score http requests load server trip argon2id pass)
    add_executable(bench-${bench} ${CMAKE_CURRENT_LIST_DIR}/bench_${bench}.c)
    if(SANITIZE STREQUAL "thread")
        target_link_libraries(bench-${bench} PRIVATE $<TARGET_OBJECTS:c11threads>)
    endif()
endforeach()
target_link_libraries(bench-score PRIVATE model people flags)
target_link_libraries(bench-http PRIVATE http flags)
target_link_libraries(bench-requests PRIVATE bus flags)
# Floors use the libraries themselves, not our modules over them.
target_link_libraries(bench-load PRIVATE base flags)
target_link_libraries(bench-server PRIVATE http PkgConfig::MICROHTTPD flags)
target_link_libraries(bench-trip PRIVATE base PkgConfig::RDKAFKA flags)
target_link_libraries(bench-pass PRIVATE base PkgConfig::RDKAFKA flags)
target_link_libraries(bench-argon2id PRIVATE auth base crypto flags)
