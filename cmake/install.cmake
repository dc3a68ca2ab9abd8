# What `cmake --install BUILD [--component NAME]` and `cpack` put where.
# Components: daemon cli protos systemd man completion licences.
include(GNUInstallDirs)

install(TARGETS metagraphd DESTINATION ${CMAKE_INSTALL_BINDIR}
        COMPONENT daemon)
install(TARGETS metagraphctl DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT cli)
install(DIRECTORY proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/metagraph/proto
        COMPONENT protos FILES_MATCHING PATTERN "*.proto")

# The folder is known only now: `cmake --install BUILD --prefix /usr`.
install(CODE "
  set(bindir \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR})
  foreach(file IN ITEMS metagraphd.service tls.conf)
    configure_file(${PROJECT_SOURCE_DIR}/deploy/systemd/\${file}.in
                   ${PROJECT_BINARY_DIR}/\${file} @ONLY)
  endforeach()"
  COMPONENT systemd)
install(FILES ${PROJECT_BINARY_DIR}/tls.conf
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT systemd)
install(FILES ${PROJECT_BINARY_DIR}/metagraphd.service
        DESTINATION lib/systemd/system COMPONENT systemd)

foreach(program IN ITEMS metagraphd metagraphctl)
  install(FILES deploy/completion/${program}.bash
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          RENAME ${program} COMPONENT completion)
endforeach()

# Written from what the programs say of themselves.
find_program(MG_HELP2MAN help2man)
if(MG_HELP2MAN)
  function(add_man_page program section about)
    set(page ${PROJECT_BINARY_DIR}/man/${program}.${section})
    add_custom_command(
      OUTPUT ${page}
      COMMAND ${MG_HELP2MAN} --no-info --section=${section} --name=${about}
              --version-string=${PROJECT_VERSION}
              --include=${PROJECT_SOURCE_DIR}/deploy/man/${program}.h2m
              --output=${page} $<TARGET_FILE:${program}>
      DEPENDS ${program} deploy/man/${program}.h2m
      COMMENT "man page of ${program}" VERBATIM)
    add_custom_target(${program}_man ALL DEPENDS ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
            COMPONENT man)
  endfunction()
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
  add_man_page(metagraphd 8 "serves TensorFlow 1 meta graphs over gRPC")
  add_man_page(metagraphctl 1 "looks at, runs, restores and saves models")
endif()

# Of what is compiled into the programs. Shared libraries bring their own.
foreach(package IN ITEMS libeigen3-dev libcli11-dev nlohmann-json3-dev)
  if(EXISTS /usr/share/doc/${package}/copyright)
    install(FILES /usr/share/doc/${package}/copyright
            DESTINATION ${CMAKE_INSTALL_DOCDIR}/licences RENAME ${package}
            COMPONENT licences)
  endif()
endforeach()

# One package with all components; what it depends on is read from the programs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "metagraphd <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
    "Serves TensorFlow 1 meta graphs and their checkpoints over gRPC")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS bash-completion)

include(CPack)
