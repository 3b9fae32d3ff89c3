# SPDX-License-Identifier: MIT
# The training's own tests: one ctest test per test_*.py, in the Python of the system tests.
file(GLOB train_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file ${train_tests})
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "train-" name ${name})
    add_test(NAME ${name} COMMAND ${pytest} ${file})
    set_tests_properties(${name} PROPERTIES
        LABELS train TIMEOUT 300 FIXTURES_REQUIRED python
        ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1;OMP_NUM_THREADS=1;OPENBLAS_NUM_THREADS=1")
endforeach()

# The shipped model: rebuilt to the same bytes, and as good as promised by repeated cross-validation.
add_test(NAME train-check COMMAND ${venv_python} -m trainer check)
set_tests_properties(train-check PROPERTIES
    LABELS train TIMEOUT 900 FIXTURES_REQUIRED python
    ENVIRONMENT "PYTHONPATH=${CMAKE_SOURCE_DIR}/models/train;PYTHONDONTWRITEBYTECODE=1;OMP_NUM_THREADS=1;OPENBLAS_NUM_THREADS=1")
