# SPDX-License-Identifier: MIT
# One ctest test per tests/system/test_*.py. They share one set of real services, which the fixture
# starts before the first and ends after the last, also when tests failed. Each test has topics and a
# database of its own (conftest.py); they run one after the other because they measure and kill.
set(services_dir ${CMAKE_BINARY_DIR}/services)

add_test(NAME system-python COMMAND ${CMAKE_SOURCE_DIR}/tests/support/venv)
set_tests_properties(system-python PROPERTIES FIXTURES_SETUP python TIMEOUT 900)
add_test(NAME system-services-start COMMAND ${CMAKE_CURRENT_LIST_DIR}/services start ${services_dir})
set_tests_properties(system-services-start PROPERTIES FIXTURES_SETUP services TIMEOUT 900)
add_test(NAME system-services-stop COMMAND ${CMAKE_CURRENT_LIST_DIR}/services stop ${services_dir})
set_tests_properties(system-services-stop PROPERTIES FIXTURES_CLEANUP services TIMEOUT 120)

file(GLOB system_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file ${system_tests})
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "system-" name ${name})
    add_test(NAME ${name} COMMAND ${pytest} ${file})
    set_tests_properties(${name} PROPERTIES
        LABELS system RUN_SERIAL ON TIMEOUT ${system_seconds} FIXTURES_REQUIRED "python;services"
        ENVIRONMENT "BUILD_DIR=${CMAKE_BINARY_DIR};SERVICES_DIR=${services_dir};PYTHONDONTWRITEBYTECODE=1")
endforeach()

# system/<file>.c is a cmocka program system-<file> that its test_<file>.py runs against the services.
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
foreach(source ${sources})
    cmake_path(GET source STEM stem)
    add_executable(system-${stem} ${source})
    target_include_directories(system-${stem} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(system-${stem} PRIVATE bus base PkgConfig::RDKAFKA PkgConfig::CMOCKA flags)
    if(SANITIZE STREQUAL "thread")
        target_link_libraries(system-${stem} PRIVATE $<TARGET_OBJECTS:c11threads>)
    endif()
endforeach()

# The same against a bus whose producer has no guard.
file(GLOB bus_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lib/bus/*.c)
add_library(bus-guard-off STATIC ${bus_sources})
target_compile_definitions(bus-guard-off PRIVATE PLANT_GUARD_OFF=1)
target_link_libraries(bus-guard-off PUBLIC flags base PRIVATE PkgConfig::RDKAFKA)
add_executable(system-guard-off ${CMAKE_CURRENT_LIST_DIR}/guard.c)
target_link_libraries(system-guard-off PRIVATE bus-guard-off flags)
if(SANITIZE STREQUAL "thread")
    target_link_libraries(system-guard-off PRIVATE $<TARGET_OBJECTS:c11threads>)
endif()
