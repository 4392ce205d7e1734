# Debian packages: cmake -DCMAKE_INSTALL_PREFIX=/usr, then cpack -G DEB in the build directory. docs/packages.md
set(AVSOUND_MAINTAINER "The avsound authors <avsound@packages.invalid>" CACHE STRING "name and address in the packages")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "${AVSOUND_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian/finish.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${AVSOUND_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
# libavsound's own libraries are not of an installed package, which dpkg-shlibdeps must be told.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})

set(avsound_packages)
# avsound_package(component package section architecture synopsis description): what all packages have.
function(avsound_package component package section architecture synopsis description)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${synopsis}\n${description}" PARENT_SCOPE)
  if(architecture STREQUAL all)
    set(CPACK_DEBIAN_${upper}_PACKAGE_ARCHITECTURE all PARENT_SCOPE)
  else()
    set(CPACK_DEBIAN_${upper}_PACKAGE_SHLIBDEPS ON PARENT_SCOPE)
  endif()
  list(APPEND avsound_packages ${component})
  set(avsound_packages ${avsound_packages} PARENT_SCOPE)

  set(folder ${PROJECT_BINARY_DIR}/debian/${package})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/debian/copyright ${folder}/copyright COPYONLY)
  string(TIMESTAMP avsound_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/debian/changelog.in ${folder}/changelog @ONLY)
  install(FILES ${folder}/copyright ${folder}/changelog DESTINATION share/doc/${package} COMPONENT ${component}
          EXCLUDE_FROM_ALL)
  set(overrides ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/debian/${package}.lintian-overrides)
  if(EXISTS ${overrides})
    install(FILES ${overrides} DESTINATION share/lintian/overrides RENAME ${package} COMPONENT ${component}
            EXCLUDE_FROM_ALL)
  endif()
endfunction()

avsound_package(runtime libavsound${soversion} libs any "library that finds which sights and sounds belong together"
"libavsound sees and hears: it says whether a picture and a sound belong
together, where in the picture the sound comes from, whether the two are in
sync, and what of the sound comes from on screen. It reads any file that
FFmpeg opens, of any length, and computes with oneDNN.
.
This package holds the shared libraries, libavsound_train among them, which
trains the networks.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS avsound-models)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/triggers)

avsound_package(development libavsound-dev libdevel any "development files for libavsound"
"libavsound finds which sights and sounds belong together.
.
This package holds the headers, the static libraries, what pkg-config and
CMake need, and the documentation with examples.")
install(DIRECTORY docs examples DESTINATION share/doc/libavsound-dev COMPONENT development EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.md" PATTERN "*.png" PATTERN "*.jpg" PATTERN "examples/*.c" PATTERN "examples/*.cpp"
        PATTERN "cli" EXCLUDE PATTERN "python" EXCLUDE PATTERN "world" EXCLUDE)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libavsound${soversion} (= ${PROJECT_VERSION})")
string(CONCAT CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS
    "libavcodec-dev, libavformat-dev, libavutil-dev, libdnnl-dev, libjansson-dev, libsqlite3-dev, libswresample-dev, "
    "libswscale-dev")

if(TARGET avsound_command)
  avsound_package(tools avsound-tools video any "find which sights and sounds of a video belong together"
"The avsound command says whether picture and sound of a video belong
together, draws where the sound comes from, measures and mends its offset,
takes it apart into what comes from on screen and the rest, and trains
networks on folders of videos. avsound-world generates clips whose truth is
known.")
  set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "libavsound${soversion} (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS avsound-models)
endif()

avsound_package(models avsound-models science all "small trained networks for avsound"
"Weights of four networks, each with a card that says what it learned from and
what it knows: avol-s (where a sound comes from), ave-s (pictures and sounds
in one space), sync-s (by how much sound and picture are out of sync) and
sep-s (what of a sound comes from on screen). Programs find them by their
names.")

avsound_package(python python3-avsound python all "libavsound for Python"
"libavsound finds which sights and sounds belong together.
.
This package calls it from Python 3, on numpy arrays.")
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.10), python3-numpy, libavsound${soversion} (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_PYTHON_PACKAGE_RECOMMENDS avsound-models)
set(CPACK_DEBIAN_PYTHON_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
                                              ${CMAKE_CURRENT_LIST_DIR}/debian/prerm)

set(CPACK_COMPONENTS_ALL ${avsound_packages})
include(CPack)
