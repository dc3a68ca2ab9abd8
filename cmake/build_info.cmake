# Run by each build: writes OUTPUT, a header, when the commit is another one.
# A commit that is handed in (an image's build has no repository) stands.
if(NOT COMMIT)
  find_program(git git)
  if(git)
    # Also in a folder that belongs to somebody else, as in a container.
    execute_process(
      COMMAND ${git} -c safe.directory=* describe --always --dirty --abbrev=12
              --exclude *
      WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE COMMIT ERROR_QUIET
      OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
endif()
if(NOT COMMIT)
  set(COMMIT unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once

#define METAGRAPH_VERSION \"${VERSION}\"
#define METAGRAPH_COMMIT \"${COMMIT}\"
#define METAGRAPH_BUILD_TYPE \"${BUILD_TYPE}\"
#define METAGRAPH_CPU_LEVEL \"${CPU_LEVEL}\"
")
