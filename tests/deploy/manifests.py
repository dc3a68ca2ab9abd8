"""Checks manifests: manifests.py DEPLOY_FOLDER METAGRAPHD.

Called by manifests_test.sh.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import kserve
import kubernetes.client
import kubernetes_validate
import yaml

DEPLOY = pathlib.Path(sys.argv[1])
failures = []
documents = []


def model_of(kind):
  for module in (kserve, kserve.models, kubernetes.client):
    if hasattr(module, kind):
      return getattr(module, kind)
  return None


def documents_of(text, source):
  found = [d for d in yaml.safe_load_all(text) if d]
  documents.extend(found)
  return [(d, f"{source}: {d['kind']}") for d in found]


def check_kubernetes(document, where):
  """By Kubernetes' own schemas; properties that they do not have are errors."""
  version = kubernetes_validate.latest_version()
  try:
    kubernetes_validate.validate(document, version, strict=True)
  except kubernetes_validate.ValidationError as error:
    failures.append(f"{where}: {error.message} at {list(error.path)}")


def check_model(value, kind, where):
  """By the classes that the API's authors generate; `kind` names one."""
  many = re.fullmatch(r"[Ll]ist\[(.*)\]", kind)
  if many:
    if not isinstance(value, list):
      failures.append(f"{where}: expected a list")
      return
    for i, item in enumerate(value):
      check_model(item, many[1], f"{where}[{i}]")
    return
  if kind.startswith(("dict(", "Dict[")):
    if not isinstance(value, dict):
      failures.append(f"{where}: expected a map")
    return
  plain = {"str": str, "int": int, "bool": bool}.get(kind)
  if plain:
    if not isinstance(value, plain):
      failures.append(f"{where}: expected {kind}, found {value!r}")
    return
  model = model_of(kind)
  if model is None:  # quantities and the like
    return
  names = {json: name for name, json in model.attribute_map.items()}
  for key, item in value.items():
    if key not in names:
      failures.append(f"{where}: {kind} has no {key}")
      continue
    check_model(item, model.openapi_types[names[key]], f"{where}.{key}")
  # The generated setters refuse what is required and missing.
  try:
    model(**{names[k]: v for k, v in value.items() if k in names})
  except ValueError as error:
    failures.append(f"{where}: {error}")


def kustomized(folder):
  """What kubectl makes of a folder, if it is here."""
  if not shutil.which("kubectl"):
    return []
  text = subprocess.run(["kubectl", "kustomize", folder], check=True,
                        capture_output=True, text=True).stdout
  return list(yaml.safe_load_all(text))


def check_cluster():
  folder = DEPLOY / "kubernetes"
  listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
  there = {f.name for f in folder.glob("*.yaml")}
  # Not in every cluster: the operator's own kinds.
  expected = there - {"kustomization.yaml", "monitoring.yaml"}
  if set(listed["resources"]) != expected:
    failures.append(f"kustomization.yaml lists other files than {expected}")
  for name in listed["resources"]:
    for document, where in documents_of((folder / name).read_text(), name):
      check_kubernetes(document, where)
  # Of ServiceMonitor no package carries a schema.
  documents_of((folder / "monitoring.yaml").read_text(), "monitoring.yaml")
  for document in kustomized(folder):
    check_kubernetes(document, f"kustomize: {document['kind']}")


def merge(base, patch):
  """As kustomize merges a patch, where lists have names or are replaced."""
  if isinstance(base, dict) and isinstance(patch, dict):
    out = {**base, **{k: merge(base.get(k), v) for k, v in patch.items()}}
    return {k: v for k, v in out.items() if v is not None}
  if isinstance(base, list) and isinstance(patch, list) and all(
      isinstance(x, dict) and "name" in x for x in base + patch):
    left = {x["name"]: x for x in base}
    changed = [merge(left.pop(x["name"], {}), x) for x in patch]
    return changed + list(left.values())
  return merge({}, patch) if isinstance(patch, dict) else patch


def check_tls():
  """The component for TLS and tokens, over the deployment."""
  folder = DEPLOY / "kubernetes" / "tls"
  listed = yaml.safe_load((folder / "kustomization.yaml").read_text())
  if [p["path"] for p in listed["patches"]] != ["deployment.yaml"]:
    failures.append("tls/kustomization.yaml lists other patches")
  patch = yaml.safe_load((folder / "deployment.yaml").read_text())
  base = yaml.safe_load((DEPLOY / "kubernetes/deployment.yaml").read_text())
  document = merge(base, patch)
  check_kubernetes(document, "tls/deployment.yaml over deployment.yaml")
  with tempfile.TemporaryDirectory() as overlay:
    there = os.path.relpath(DEPLOY.resolve(), os.path.realpath(overlay))
    pathlib.Path(overlay, "kustomization.yaml").write_text(
        f"resources: [{there}/kubernetes]\n"
        f"components: [{there}/kubernetes/tls]\n")
    for made in kustomized(overlay):
      if made["kind"] == "Deployment" and made != document:
        failures.append("kubectl makes another deployment of tls")
  pod = document["spec"]["template"]["spec"]
  container = pod["containers"][0]
  for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
    # The kubelet has no certificate to show.
    if "grpc" in container[probe]:
      failures.append(f"tls/deployment.yaml: {probe} asks by gRPC")
  help_text = subprocess.run([sys.argv[2], "--help"], check=True,
                             capture_output=True, text=True).stdout
  mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
  volumes = {v["name"] for v in pod["volumes"]}
  if set(mounts) != volumes:
    failures.append(f"tls/deployment.yaml mounts {set(mounts)} of {volumes}")
  for variable in container["env"]:
    flag = variable["name"].removeprefix("METAGRAPHD_").lower()
    if variable["name"] != "METAGRAPHCTL_SERVER" and not re.search(
        rf"^  --{flag}\b", help_text, re.M):
      failures.append(f"the daemon does not read {variable['name']}")
    path = variable["value"].removeprefix("unix:")
    if not any(path.startswith(f"{m}/") for m in mounts.values()):
      failures.append(f"{variable['name']}: {path} is not mounted")


def check_kserve():
  folder = DEPLOY / "kserve"
  for name, kind in [("serving_runtime.yaml", "V1alpha1ServingRuntime"),
                     ("inference_service.yaml", "V1beta1InferenceService")]:
    for document, where in documents_of((folder / name).read_text(), name):
      check_model(document, kind, where)


def check_together():
  """What schemas do not see: selectors, ports and names that must agree."""
  by_kind = {d["kind"]: d for d in documents}
  spec = by_kind["Deployment"]["spec"]
  labels = spec["template"]["metadata"]["labels"]
  for kind, selector in [
      ("Deployment", spec["selector"]["matchLabels"]),
      ("Service", by_kind["Service"]["spec"]["selector"]),
      ("PodDisruptionBudget",
       by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
      ("NetworkPolicy",
       by_kind["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]),
  ]:
    if selector != labels:
      failures.append(f"{kind} selects {selector}, the pods have {labels}")
  pod = spec["template"]["spec"]
  ports = {p["name"]: p["containerPort"] for p in pod["containers"][0]["ports"]}
  used = [p["targetPort"] for p in by_kind["Service"]["spec"]["ports"]]
  used += [p["port"] for rule in by_kind["NetworkPolicy"]["spec"]["ingress"]
           for p in rule["ports"]]
  for port in used:
    if port not in ports:
      failures.append(f"no container port is called {port}")
  for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
    port = pod["containers"][0][probe]["grpc"]["port"]
    if port != ports["grpc"]:
      failures.append(f"{probe} asks port {port}")
  help_text = subprocess.run([sys.argv[2], "--help"], check=True,
                             capture_output=True, text=True).stdout
  runtime = by_kind["ServingRuntime"]["spec"]["containers"][0]
  for argument in pod["containers"][0]["args"] + runtime["args"]:
    if not re.search(rf"^  {argument.split('=')[0]}\b", help_text, re.M):
      failures.append(f"the daemon has no flag {argument}")
  claim = pod["volumes"][0]["persistentVolumeClaim"]["claimName"]
  if claim != by_kind["PersistentVolumeClaim"]["metadata"]["name"]:
    failures.append(f"there is no claim {claim}")
  model = by_kind["InferenceService"]["spec"]["predictor"]["model"]
  formats = by_kind["ServingRuntime"]["spec"]["supportedModelFormats"]
  if model["modelFormat"]["name"] not in [f["name"] for f in formats]:
    failures.append("the runtime does not have the format of the example")


check_cluster()
check_tls()
check_kserve()
check_together()
for failure in failures:
  print("FAILED:", failure)
print(len(documents), "manifests,", len(failures), "faults")
sys.exit(1 if failures or len(documents) < 9 else 0)
