# SPDX-License-Identifier: MIT
# What files promise each other, checked without any service.
foreach(script layers layers_are_enforced statements statements_are_enforced judging)
    string(REPLACE _ - name contract-${script})
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${script})
    set_tests_properties(${name} PROPERTIES LABELS contract TIMEOUT 120 ENVIRONMENT "BUILD_DIR=${CMAKE_BINARY_DIR}")
endforeach()

# contract/<file>.c is one cmocka program named contract-<file>, linked to every module it may need.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
foreach(source ${sources})
    cmake_path(GET source STEM LAST_ONLY stem)
    string(REPLACE _ - name contract-${stem})
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_compile_definitions(${name} PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE model domain crypto json base PkgConfig::CMOCKA flags)
    if(SANITIZE STREQUAL "thread")
        target_link_libraries(${name} PRIVATE $<TARGET_OBJECTS:c11threads>)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS contract TIMEOUT 60)
endforeach()

# contract/test_<file>.py is contract-<file>, in the Python of the system tests.
add_test(NAME contract-asyncapi-schema COMMAND ${CMAKE_SOURCE_DIR}/tests/support/asyncapi_schema)
set_tests_properties(contract-asyncapi-schema PROPERTIES FIXTURES_SETUP asyncapi_schema TIMEOUT 400)
file(GLOB contract_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file ${contract_tests})
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "contract-" name ${name})
    add_test(NAME ${name} COMMAND ${pytest} ${file})
    set_tests_properties(${name} PROPERTIES
        LABELS contract TIMEOUT 120 FIXTURES_REQUIRED "python;asyncapi_schema" ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
endforeach()
