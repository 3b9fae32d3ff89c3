# SPDX-License-Identifier: MIT
# The language model's stand-in: tests and the local demonstration run it, nobody installs it.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/stub_llm/*.c)
add_executable(retentionai-stub-llm ${sources})
target_include_directories(retentionai-stub-llm PRIVATE ${CMAKE_CURRENT_LIST_DIR}/stub_llm)
target_link_libraries(retentionai-stub-llm PRIVATE base json crypto PkgConfig::MICROHTTPD flags)
if(SANITIZE STREQUAL "thread")
    target_link_libraries(retentionai-stub-llm PRIVATE $<TARGET_OBJECTS:c11threads>)
endif()

# What it answers is checked by a unit test of the planner.
add_library(stub-llm-plan STATIC ${CMAKE_CURRENT_LIST_DIR}/stub_llm/plan.c)
target_link_libraries(stub-llm-plan PUBLIC base flags)
