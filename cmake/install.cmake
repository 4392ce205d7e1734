# The library, its headers, and what lets others find them: avsound.pc and a CMake package. Third-party libraries appear
# only where static linking needs them.
include(CMakePackageConfigHelpers)

# A relative folder follows the .pc file, so the installed tree can be moved; an absolute one was chosen and stays.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(avsound_pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(avsound_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH avsound_pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" avsound_pc_up "${avsound_pc_up}")
  set(avsound_pc_prefix "\${pcfiledir}/${avsound_pc_up}")
  set(avsound_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(avsound_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(avsound_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# Libs.private and not Requires.private: the latter would ask static users for all that FFmpeg itself was built from.
set(avsound_pc_openmp -lgomp)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  set(avsound_pc_openmp -lomp)
endif()
list(JOIN FFMPEG_LDFLAGS " " avsound_pc_ffmpeg)
list(JOIN JANSSON_LDFLAGS " " avsound_pc_jansson)
list(JOIN SQLITE_LDFLAGS " " avsound_pc_sqlite)
set(avsound_pc_private
    "${avsound_pc_ffmpeg} ${avsound_pc_jansson} ${avsound_pc_sqlite} -ldnnl ${avsound_pc_openmp} -lpthread -lm")
if(IS_ABSOLUTE "${AVSOUND_MODELS_DIR}")
  set(avsound_pc_models "${AVSOUND_MODELS_DIR}")
else()
  set(avsound_pc_models "\${prefix}/${AVSOUND_MODELS_DIR}")
endif()
configure_file(pkgconfig/avsound.pc.in avsound.pc @ONLY)
configure_file(pkgconfig/avsound_train.pc.in avsound_train.pc @ONLY)

set(avsound_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/avsound)
configure_package_config_file(cmake/avsoundConfig.cmake.in avsoundConfig.cmake INSTALL_DESTINATION ${avsound_cmake_dir}
                              NO_SET_AND_CHECK_MACRO)
# Additions bump the minor version, so any later version of the same major one will do.
write_basic_package_version_file(avsoundConfigVersion.cmake COMPATIBILITY SameMajorVersion)

# Components: what programs need to run, what they need to be built, and the models. The tools are a fourth (examples), the
# Python package a fifth, which only packages hold: where Python looks is the distribution's to say.
set_target_properties(avsound_train PROPERTIES EXPORT_NAME train)
install(TARGETS avsound avsound_train EXPORT avsoundTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET avsound_mpi)
  install(TARGETS avsound_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tools)
endif()
install(TARGETS avsound_static avsound_train_static
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY include/avsound DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(EXPORT avsoundTargets NAMESPACE avsound:: DESTINATION ${avsound_cmake_dir} COMPONENT development)
export(EXPORT avsoundTargets NAMESPACE avsound:: FILE ${CMAKE_CURRENT_BINARY_DIR}/avsoundTargets.cmake) # for the build tree
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/avsoundConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/avsoundConfigVersion.cmake
        DESTINATION ${avsound_cmake_dir} COMPONENT development)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/avsound.pc ${CMAKE_CURRENT_BINARY_DIR}/avsound_train.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
install(DIRECTORY models/ DESTINATION ${AVSOUND_MODELS_DIR} COMPONENT models
        FILES_MATCHING PATTERN "*.safetensors" PATTERN "*.md")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT license)
install(DIRECTORY examples/python/avsound DESTINATION lib/python3/dist-packages COMPONENT python EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed")
