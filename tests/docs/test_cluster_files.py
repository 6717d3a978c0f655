"""The cluster files are what Ray, AWS and Kubernetes take, and let nobody in.

No cloud is asked: Ray's own code reads the file for AWS and carries it out against moto, as far as
the launch of instances; schemas of Kubernetes and Ray's own autoscaler read the other one.
"""

import copy
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.helpers.paths import ROOT

CLUSTER = ROOT / "docs" / "cluster"
REGION = "eu-central-1"
KUBERNETES = ("1.30", "1.37")  # the oldest that the schemas know besides the newest we looked at


def load(name):
    return list(yaml.safe_load_all((CLUSTER / name).read_text()))


@pytest.fixture
def aws():
    (config,) = load("aws.yaml")
    return config


@pytest.fixture
def job():
    (job,) = (item for item in load("kuberay.yaml") if item["kind"] == "RayJob")
    return job


def groups(job):
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


# ---------------------------------------------------------------- AWS


@pytest.fixture
def checked():
    """Ray's check of a cluster file, with its defaults filled in as `ray up` does."""
    util = pytest.importorskip("ray.autoscaler._private.util", reason="Ray is not installed")

    def check(config):
        prepared = util.prepare_config(config)
        util.validate_config(prepared)
        return prepared

    return check


def test_ray_takes_the_file_for_aws(aws, checked):
    prepared = checked(aws)
    most = {name: kind["max_workers"] for name, kind in prepared["available_node_types"].items()}
    assert most == {"head": 0, "worker": prepared["max_workers"]}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda config: config.update(max_worker=12), "'max_worker' was unexpected"),
        (lambda config: config.update(head_node_type="heads"), "`head_node_type` must be one of"),
        (lambda config: config["auth"].pop("ssh_proxy_command"), "'ssh_proxy_command' is a requi"),
        (
            lambda config: config["available_node_types"]["worker"].update(min_workers=13),
            "is smaller than the sum of `min_workers`",
        ),
    ],
)
def test_the_check_sees_mistakes(aws, checked, damage, said):
    damage(aws)
    with pytest.raises(Exception, match=re.escape(said)):  # of three kinds
        checked(aws)


class MadeAccount:
    """What the file says must be there: a private network, a closed group, two profiles."""

    def __init__(self, ec2, iam):
        network = ec2.create_vpc(CidrBlock="10.0.0.0/16")
        self.subnet = network.create_subnet(
            CidrBlock="10.0.0.0/24", AvailabilityZone=REGION + "a"
        ).id
        group = network.create_security_group(GroupName="closed", Description="closed")
        group.authorize_ingress(
            IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group.id}]}]
        )
        self.group = group.id
        for name in ("face-grouping-head", "face-grouping-worker"):
            iam.create_instance_profile(InstanceProfileName=name)

    def filled(self, config):
        for kind in config["available_node_types"].values():
            kind["node_config"]["SubnetIds"] = [self.subnet]
            kind["node_config"]["SecurityGroupIds"] = [self.group]
        return config


@pytest.fixture
def account(monkeypatch, tmp_path):
    """An AWS of moto's, and nothing of the user's."""
    pytest.importorskip("ray", reason="Ray is not installed")
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with moto.mock_aws():
        yield MadeAccount(boto3.resource("ec2", REGION), boto3.client("iam", REGION))


def launched(config, kind):
    """The instance that Ray launches of a node type, as AWS describes it."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler.tags import TAG_RAY_LAUNCH_CONFIG, TAG_RAY_NODE_KIND

    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    tags = {TAG_RAY_NODE_KIND: kind, TAG_RAY_LAUNCH_CONFIG: "any"}
    made = provider.create_node(config["available_node_types"][kind]["node_config"], tags, 1)
    (instance,) = made.values()
    return instance


def test_ray_up_launches_what_nobody_reaches_and_opens_no_group(aws, checked, account, tmp_path):
    import boto3
    from ray.autoscaler._private.commands import _bootstrap_config

    (tmp_path / ".ssh").mkdir()
    before = {group.id for group in boto3.resource("ec2", REGION).security_groups.all()}
    config = _bootstrap_config(account.filled(aws), no_config_cache=True)
    after = list(boto3.resource("ec2", REGION).security_groups.all())
    # Left to itself Ray makes a group with port 22 open to all.
    assert {group.id for group in after} == before
    ours = next(group for group in after if group.id == account.group)
    assert [rule["IpRanges"] for rule in ours.ip_permissions] == [[]]
    assert [key.name for key in (tmp_path / ".ssh").iterdir()] == [f"ray-autoscaler_{REGION}.pem"]
    for kind in ("head", "worker"):
        instance = launched(config, kind)
        assert instance.public_ip_address is None
        assert [group["GroupId"] for group in instance.security_groups] == [account.group]
        assert instance.iam_instance_profile["Arn"].endswith(f"/face-grouping-{kind}")
        assert instance.metadata_options["HttpTokens"] == "required"
        assert instance.key_name == f"ray-autoscaler_{REGION}"
        assert [volume.encrypted for volume in instance.volumes.all()] == [True]
    resources = {name: kind["resources"] for name, kind in config["available_node_types"].items()}
    assert (resources["head"]["CPU"], resources["worker"]["CPU"]) == (0, 16)


def test_only_the_wheel_and_the_token_travel(aws):
    assert aws["file_mounts"] == {
        "/home/ubuntu/wheels": "dist",
        "/home/ubuntu/.ray/auth_token": "~/.ray/auth_token",
    }
    starts = [*aws["head_start_ray_commands"], *aws["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in line for line in starts if "ray start" in line)
    assert sum("ray start" in line for line in starts) == 2
    assert any("--dashboard-host=127.0.0.1" in line for line in starts)


# ---------------------------------------------------------------- Kubernetes


@pytest.fixture(params=KUBERNETES)
def kubernetes(request):
    """The strict check of one version of Kubernetes."""
    package = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    return lambda item: package.validate(item, request.param, strict=True)


def test_kubernetes_takes_what_is_its_own(kubernetes):
    own = [item for item in load("kuberay.yaml") if item["kind"] != "RayJob"]
    assert [item["kind"] for item in own] == [
        "ServiceAccount",
        "PersistentVolumeClaim",
        "NetworkPolicy",
    ]
    for item in own:
        kubernetes(item)


def as_pod_template(group):
    template = copy.deepcopy(group["template"])
    return {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": "pod"},
        "template": template,
    }


def test_kubernetes_takes_the_pods(kubernetes, job):
    for group in groups(job):
        kubernetes(as_pod_template(group))


def test_the_check_of_pods_sees_mistakes(kubernetes, job):
    pod = as_pod_template(groups(job)[0])
    pod["template"]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(Exception, match="resource"):
        kubernetes(pod)


TEXT, WHOLE = {"type": "string"}, {"type": "integer", "minimum": 0}
YES_NO = {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": TEXT}  # rayStartParams: "0", not 0
OBJECT = {"type": "object"}


def fields(required=(), **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


# Fields of KubeRay's API reference (ray.io/v1) that a file like ours may have. Pods are checked by
# Kubernetes' own schemas.
HEAD = fields(
    ["template", "rayStartParams"],
    template=OBJECT,
    rayStartParams=TEXTS,
    serviceType={"enum": ["ClusterIP"]},
)
WORKERS = fields(
    ["groupName", "template", "minReplicas", "maxReplicas"],
    groupName=TEXT,
    template=OBJECT,
    rayStartParams=TEXTS,
    replicas=WHOLE,
    minReplicas=WHOLE,
    maxReplicas=WHOLE,
    idleTimeoutSeconds=WHOLE,
)
AUTOSCALER = fields(
    idleTimeoutSeconds=WHOLE,
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    resources=OBJECT,
    securityContext=OBJECT,
)
RAY_CLUSTER = fields(
    ["headGroupSpec", "workerGroupSpecs", "rayVersion"],
    rayVersion=TEXT,
    authOptions=fields(["mode"], mode={"enum": ["token"]}),
    enableInTreeAutoscaling=YES_NO,
    autoscalerOptions=AUTOSCALER,
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS, "minItems": 1},
)
RAY_JOB = fields(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=fields(["name", "namespace"], name=TEXT, namespace=TEXT),
    spec=fields(
        ["entrypoint", "rayClusterSpec"],
        entrypoint=TEXT,
        backoffLimit=WHOLE,
        shutdownAfterJobFinishes=YES_NO,
        ttlSecondsAfterFinished=WHOLE,
        rayClusterSpec=RAY_CLUSTER,
    ),
)


def test_the_job_has_fields_that_kuberay_documents(job):
    pytest.importorskip("jsonschema").validate(job, RAY_JOB)


def test_rays_autoscaler_reads_the_groups(job):
    config = pytest.importorskip(
        "ray.autoscaler._private.kuberay.autoscaling_config", reason="Ray is not installed"
    )
    cluster = {"metadata": job["metadata"], "spec": job["spec"]["rayClusterSpec"]}
    found = config._derive_autoscaling_config_from_ray_cr(cluster)
    head, workers = (found["available_node_types"][name] for name in ("headgroup", "workers"))
    assert (head["resources"]["CPU"], head["max_workers"]) == (0, 0)
    assert workers["resources"] == {"CPU": 15, "memory": 28 * 2**30}
    assert (workers["min_workers"], workers["max_workers"]) == (0, 12)
    assert found["idle_timeout_minutes"] == 5


def test_pods_have_no_rights(job):
    """As the "restricted" standard of Kubernetes asks, so that a namespace may enforce it."""
    for group in groups(job):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            assert container["resources"]["requests"] == container["resources"]["limits"]
        assert not pod.get("hostNetwork")
    assert groups(job)[1]["template"]["spec"]["automountServiceAccountToken"] is False


def test_only_neighbours_reach_the_pods():
    (policy,) = (item for item in load("kuberay.yaml") if item["kind"] == "NetworkPolicy")
    assert policy["spec"]["podSelector"] == {}  # all of the namespace
    (rule,) = policy["spec"]["ingress"]
    assert not any("ipBlock" in peer for peer in rule["from"])
    assert len(rule["from"]) == 2


# ---------------------------------------------------------------- all of them


FILES = sorted(path for path in CLUSTER.iterdir() if path.is_file())


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def text(request):
    return request.param.read_text()


def test_it_says_that_it_was_not_run(text):
    assert "NOT RUN AGAINST A CLOUD" in text or "NOT BUILT HERE" in text


def test_no_secret_lies_in_it(text):
    assert not re.search(
        r"AKIA\w{16}|BEGIN [A-Z ]*PRIVATE KEY|(?i:password|secret_key)\s*[:=]", text
    )
    assert not re.search(r"\b\d{12}\b", text)  # an account


def test_it_names_the_same_ray(text):
    versions = re.findall(r"(?:ray(?:\[default\])?[:=]=?|rayVersion: )(\d+\.\d+\.\d+)", text)
    assert set(versions) == {"2.60.0"}


def test_mentioned_files_exist(text):
    names = re.findall(r"(?:docs|tests)/[\w/]+(?:\.\w+|/Dockerfile)", text)
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_the_folder_holds_what_is_tested():
    assert [Path(path).name for path in FILES] == ["Dockerfile", "aws.yaml", "kuberay.yaml"]


def test_its_commands_are_commands_of_the_program(text):
    from grouping.cli.main import build_parser

    lines = re.sub(r"\n\s+(?=--)", " ", text).splitlines()
    commands = [line.split("group-faces ", 1)[1] for line in lines if "group-faces s3:" in line]
    for command in commands:
        words = re.split(r"['\"]", command)[0].split()
        arguments = build_parser().parse_args(["group", *words])
        assert (arguments.backend, arguments.ray_address) == ("ray", "auto")
        assert arguments.cache is not None
    assert bool(commands) != ("\nFROM " in text)


def test_the_extra_allows_this_ray():
    from packaging.requirements import Requirement

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (ray,) = map(Requirement, extras["optional-dependencies"]["ray"])
    assert ray.specifier.contains("2.60.0")
