set(avsound_pc_private "dnnl")
configure_file(pkgconfig/avsound.pc.in avsound.pc @ONLY)

install(TARGETS avsound LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS avsound_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/avsound DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/avsound.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
