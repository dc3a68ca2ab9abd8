#pragma once

// Certificates of a test's own, made by the openssl command.

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace metagraph {

// Makes files NAME.pem, certificate and key in one, in a folder.
class Certificates {
 public:
  explicit Certificates(const TempDir& dir) : dir_(dir) {}

  std::string Path(const std::string& name) const {
    return dir_.Join(name + ".pem");
  }
  // A root of its own.
  void MakeRoot(const std::string& name) {
    Run("req -x509 -days 2 -subj /CN=" + name + NewKey(name) + " -out " +
        dir_.Join(name + ".crt"));
    Join(name);
  }
  // Signed by `root`; `names`: "DNS:a,URI:b". `days` below 0: it has expired.
  void Make(const std::string& name, const std::string& root,
            const std::string& names, int days = 2) {
    Run("req -new -subj /CN=" + name + NewKey(name) + " -out " +
        dir_.Join(name + ".csr") + " -addext subjectAltName=" + names);
    Run("x509 -req -in " + dir_.Join(name + ".csr") + " -CA " +
        dir_.Join(root + ".crt") + " -CAkey " + dir_.Join(root + ".key") +
        " -CAcreateserial -copy_extensions copyall -days " +
        std::to_string(days) + " -out " + dir_.Join(name + ".crt"));
    Join(name);
  }

 private:
  std::string NewKey(const std::string& name) const {
    return " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " +
           dir_.Join(name + ".key");
  }
  void Run(const std::string& arguments) const {
    Shell("openssl " + arguments + " 2>> " + dir_.Join("openssl.log"));
  }
  void Join(const std::string& name) const {
    const std::string path = dir_.Join(name);
    Shell("cat " + path + ".crt " + path + ".key > " + path + ".pem");
  }
  static void Shell(const std::string& command) {
    // NOLINTNEXTLINE(cert-env33-c): a test's own folder.
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  const TempDir& dir_;
};

}  // namespace metagraph
