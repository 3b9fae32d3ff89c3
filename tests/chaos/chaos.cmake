# SPDX-License-Identifier: MIT
# Faults at random (README.md) as one test, with a set of services of its own like those of tests/system. Sanitizers
# make the programs some times slower: there the kills of tests/system must do.
if(NOT SANITIZE)
    add_test(NAME chaos-ci COMMAND ${venv_python} ${CMAKE_CURRENT_LIST_DIR}/run --profile ci)
    set_tests_properties(chaos-ci PROPERTIES
        LABELS chaos COST 20 TIMEOUT 900 FIXTURES_REQUIRED "python;services" RESOURCE_GROUPS "1,stacks:1"
        ENVIRONMENT "BUILD_DIR=${CMAKE_BINARY_DIR};SERVICES_DIR=${services_dir};PYTHONDONTWRITEBYTECODE=1")
endif()
