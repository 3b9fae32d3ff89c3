# SPDX-License-Identifier: MIT
# The proxy that misbehaves on demand, between our programs and Kafka or PostgreSQL.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/proxy/*.c)
add_executable(retentionai-proxy ${sources})
target_include_directories(retentionai-proxy PRIVATE ${CMAKE_CURRENT_LIST_DIR})
target_link_libraries(retentionai-proxy PRIVATE base flags)
if(SANITIZE STREQUAL "thread")
    target_link_libraries(retentionai-proxy PRIVATE $<TARGET_OBJECTS:c11threads>)
endif()
