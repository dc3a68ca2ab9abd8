# add_layer(core/graph SOURCES a.cc HEADERS a.h DEPS core_tensor …)
#
# One folder = one static library. It sees its own headers, those of DEPS and of
# what those depend on: each include root is a view, a build folder with one
# symbolic link, so an include of any other layer is a missing file.
#
# PRECOMPILE names headers that all sources begin with. Layers without any use
# those of core/tensor once it is there: parsing them costs more than our code.
function(add_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 L "" ""
                        "SOURCES;HEADERS;DEPS;PRIVATE_DEPS;PRECOMPILE")
  string(REPLACE "/" "_" target ${name})
  foreach(dep IN LISTS L_DEPS L_PRIVATE_DEPS)
    if(NOT TARGET ${dep})
      message(FATAL_ERROR "${name} depends on ${dep}, which is not below it")
    endif()
  endforeach()
  set(view ${PROJECT_BINARY_DIR}/views/${target})
  cmake_path(GET name PARENT_PATH parent)
  file(MAKE_DIRECTORY ${view}/${parent})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${name} SYMBOLIC)
  if(L_SOURCES)
    add_library(${target} STATIC ${L_SOURCES})
    set(scope PUBLIC)
    target_compile_options(${target} PRIVATE ${MG_WARNINGS})
    target_link_libraries(${target} PRIVATE ${L_PRIVATE_DEPS})
    if(L_PRECOMPILE)
      target_precompile_headers(${target} PRIVATE ${L_PRECOMPILE})
    elseif(TARGET core_tensor)
      target_precompile_headers(${target} REUSE_FROM core_tensor)
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(metagraph::${target} ALIAS ${target})
  target_include_directories(${target} ${scope} ${view})
  target_link_libraries(${target} ${scope} ${L_DEPS})
endfunction()
