# Debian's packages as targets.

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(Snappy REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(GIF REQUIRED)

# oneDNN's and glog's own config files want the OpenCL and libunwind headers,
# which nothing here needs.
function(mg_import_library target library header)
  find_library(${library}_LIBRARY ${library} REQUIRED)
  find_path(${library}_INCLUDE_DIR ${header} REQUIRED)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION ${${library}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${${library}_INCLUDE_DIR})
endfunction()

mg_import_library(DNNL::dnnl dnnl oneapi/dnnl/dnnl.hpp)
# Comes with gRPC.
mg_import_library(re2::re2 re2 re2/re2.h)
if(MG_BUILD_SERVER)
  find_package(gRPC REQUIRED)
  mg_import_library(glog::glog glog glog/logging.h)
  mg_import_library(prometheus::core prometheus-cpp-core prometheus/registry.h)
  mg_import_library(civetweb::civetweb civetweb civetweb.h)
  mg_import_library(yaml_cpp::yaml_cpp yaml-cpp yaml-cpp/yaml.h)
endif()
