# SPDX-License-Identifier: MIT
# What files promise each other, checked without any service.
foreach(script layers layers_are_enforced)
    string(REPLACE _ - name contract-${script})
    add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${script})
    set_tests_properties(${name} PROPERTIES LABELS contract TIMEOUT 60)
endforeach()
