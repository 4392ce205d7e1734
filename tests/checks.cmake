# Tests of the project rather than of its functions: who includes whom, headers on their own, the binary interface, the
# installed package, the documentation.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(here ${CMAKE_CURRENT_SOURCE_DIR})

function(avsound_check name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 ENVIRONMENT "CC=${CMAKE_C_COMPILER}")
endfunction()

avsound_check(layers ${Python3_EXECUTABLE} ${here}/layers.py ${PROJECT_SOURCE_DIR})
avsound_check(layers.finds_offences ${Python3_EXECUTABLE} ${here}/test_layers.py)
avsound_check(headers sh ${here}/headers/check.sh ${PROJECT_SOURCE_DIR}/include ${CMAKE_C_COMPILER})
avsound_check(docs sh ${PROJECT_SOURCE_DIR}/docs/check.sh)
if(CMAKE_SIZEOF_VOID_P EQUAL 8)
  avsound_check(abi.layout sh ${here}/abi/check.sh layout ${PROJECT_BINARY_DIR})
endif()
# A sanitizer brings symbols of its own, and a consumer would have to link it.
if(NOT AVSOUND_SANITIZE)
  avsound_check(abi.symbols sh ${here}/abi/check.sh symbols ${PROJECT_BINARY_DIR})
  avsound_check(abi.archive sh ${here}/abi/check.sh archive ${PROJECT_BINARY_DIR})
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
    avsound_check(abi.diff sh ${here}/abi/check.sh diff ${PROJECT_BINARY_DIR})
  endif()
  avsound_check(install sh ${here}/install/test_install.sh ${PROJECT_BINARY_DIR})
endif()

# Debian's interpreter has Debian's numpy; another that comes first in PATH may have none.
find_program(AVSOUND_NUMPY_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT AVSOUND_NUMPY_PYTHON)
  set(AVSOUND_NUMPY_PYTHON ${Python3_EXECUTABLE})
endif()
avsound_check(python.convert ${AVSOUND_NUMPY_PYTHON} ${here}/unit/python/test_convert.py)
avsound_check(python.checkpoints ${AVSOUND_NUMPY_PYTHON} ${here}/unit/python/test_checkpoints.py)
if(NOT AVSOUND_SANITIZE)
  set_property(TEST python.convert python.checkpoints APPEND PROPERTY ENVIRONMENT AVSOUND_LIBRARY=$<TARGET_FILE:avsound>)
endif()
