# SPDX-License-Identifier: MIT
# One ctest test per tests/system/test_*.py. Each has topics and a database of its own (conftest.py), but they kill
# servers and measure: a set of real services has one test at a time. There are several sets, which ctest hands out
# (tests/run gives it the file that says so) and tests start when they are not there; the fixture ends them after
# the last test, also when tests failed. These need none:
set(without_services demo local stub_llm)
set(services_dir ${CMAKE_BINARY_DIR}/services)
foreach(sets RANGE 1 4)
    list(APPEND slots "{\"id\": \"${sets}\", \"slots\": 1}")
    list(JOIN slots ", " joined)
    file(WRITE ${CMAKE_BINARY_DIR}/sets-${sets}.json
        "{\"version\": {\"major\": 1, \"minor\": 0}, \"local\": [{\"stacks\": [${joined}]}]}\n")
endforeach()

add_test(NAME system-python COMMAND ${CMAKE_SOURCE_DIR}/tests/support/venv)
set_tests_properties(system-python PROPERTIES FIXTURES_SETUP python TIMEOUT 900)
add_test(NAME system-services-wipe COMMAND ${CMAKE_CURRENT_LIST_DIR}/services wipe ${services_dir})
set_tests_properties(system-services-wipe PROPERTIES FIXTURES_SETUP services TIMEOUT 300)
add_test(NAME system-services-stop COMMAND ${CMAKE_CURRENT_LIST_DIR}/services stop ${services_dir})
set_tests_properties(system-services-stop PROPERTIES FIXTURES_CLEANUP services TIMEOUT 300)

file(GLOB system_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file ${system_tests})
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "" name ${name})
    add_test(NAME system-${name} COMMAND ${pytest} ${file})
    # The cost: they come before the others, which fill the gaps.
    set_tests_properties(system-${name} PROPERTIES
        LABELS system COST 10 TIMEOUT ${system_seconds} FIXTURES_REQUIRED python
        ENVIRONMENT "BUILD_DIR=${CMAKE_BINARY_DIR};SERVICES_DIR=${services_dir};PYTHONDONTWRITEBYTECODE=1")
    if(NOT name IN_LIST without_services)
        set_tests_properties(system-${name} PROPERTIES
            FIXTURES_REQUIRED "python;services" RESOURCE_GROUPS "1,stacks:1")
    endif()
endforeach()
# The longest first, so that none of them is the last that everything waits for.
set_tests_properties(system-lifecycle system-requests system-hris system-outages system-kill PROPERTIES COST 20)
# These compare times inside of a run.
set_tests_properties(system-gateway_slow system-gateway_security PROPERTIES RUN_SERIAL ON)
# Both build.
set_tests_properties(system-demo system-local PROPERTIES RESOURCE_LOCK build)

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

# The same with what can be planted (lib/base/plant.h): these are linked before the ones of the modules.
function(add_planted name)
    add_executable(${name} ${ARGN} ${CMAKE_SOURCE_DIR}/tests/support/plant.c)
    target_compile_definitions(${name} PRIVATE PLANTED)
    retentionai_embed(${name} sql_plant_overwrite ${CMAKE_SOURCE_DIR}/tests/chaos/overwrite.sql)
    if(SANITIZE STREQUAL "thread")
        target_link_libraries(${name} PRIVATE $<TARGET_OBJECTS:c11threads>)
    endif()
endfunction()
set(planted_bus ${CMAKE_SOURCE_DIR}/lib/bus/consumer.c ${CMAKE_SOURCE_DIR}/lib/bus/producer_transaction.c ${CMAKE_SOURCE_DIR}/lib/bus/watch.c)
add_planted(system-guard-planted ${CMAKE_CURRENT_LIST_DIR}/guard.c ${planted_bus})
target_link_libraries(system-guard-planted PRIVATE bus base PkgConfig::RDKAFKA flags)

file(GLOB scoring_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/workers/scoring/*.c)
add_planted(retentionai-scoring-planted ${scoring_sources} ${planted_bus} ${CMAKE_SOURCE_DIR}/lib/store/predictions.c)
target_include_directories(retentionai-scoring-planted PRIVATE ${CMAKE_SOURCE_DIR}/workers/scoring)
target_link_libraries(retentionai-scoring-planted PRIVATE base json domain model avro registry http bus store PkgConfig::RDKAFKA flags)
