"""What may be set on the Pod that answers an HTTP-01 challenge: part of core/v1 PodTemplateSpec, not all."""

# ruff: noqa: RUF012 - msgspec copies empty defaults

from typing import Annotated, Any, ClassVar, Final

from certwright.api.wire import Wire, doc

_ATOMIC: Final = {"x-kubernetes-map-type": "atomic"}

_QUANTITY: Final = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
"""resource.Quantity of apimachinery: a decimal number with a binary, decimal or exponent suffix."""

Quantity = Annotated[int | str, doc("An amount, such as 100m or 64Mi.", pattern=_QUANTITY)]


class NodeSelectorRequirement(Wire, frozen=True, kw_only=True):
    """A test of one label or field of a node."""

    key: Annotated[str, doc("The label or field to look at.")]
    operator: Annotated[
        str, doc("How to compare it with `values`: In, NotIn, Exists, DoesNotExist, Gt or Lt.")
    ]
    values: Annotated[
        list[str],
        doc("What to compare with: none for Exists and DoesNotExist, one integer for Gt and Lt."),
    ] = []


class NodeSelectorTerm(Wire, frozen=True, kw_only=True):
    """Tests of a node that must all hold."""

    schema_extra: ClassVar[dict[str, Any]] = _ATOMIC

    match_expressions: Annotated[list[NodeSelectorRequirement], doc("Tests of the node's labels.")] = []
    match_fields: Annotated[list[NodeSelectorRequirement], doc("Tests of the node's fields.")] = []


class PreferredSchedulingTerm(Wire, frozen=True, kw_only=True):
    """Tests of a node that count in its favour."""

    preference: Annotated[NodeSelectorTerm, doc("The tests.")]
    weight: Annotated[int, doc("What a node gains when the tests hold, from 1 to 100.", format="int32")]


class NodeSelector(Wire, frozen=True, kw_only=True):
    """Groups of tests of a node, one of which must hold."""

    schema_extra: ClassVar[dict[str, Any]] = _ATOMIC

    node_selector_terms: Annotated[
        list[NodeSelectorTerm], doc("The groups; a node suits when all tests of any one group hold.")
    ]


class NodeAffinity(Wire, frozen=True, kw_only=True):
    """Which nodes suit."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[PreferredSchedulingTerm], doc("Which nodes are better, by the sum of the weights that apply.")
    ] = []
    required_during_scheduling_ignored_during_execution: Annotated[
        NodeSelector | None, doc("Which nodes are possible at all, at the time of scheduling.")
    ] = None


class LabelSelectorRequirement(Wire, frozen=True, kw_only=True):
    """A test of one label."""

    key: Annotated[str, doc("The label to look at.")]
    operator: Annotated[str, doc("How to compare it with `values`: In, NotIn, Exists or DoesNotExist.")]
    values: Annotated[list[str], doc("What to compare with; none for Exists and DoesNotExist.")] = []


class LabelSelector(Wire, frozen=True, kw_only=True):
    """Tests of labels that must all hold. An empty selector matches everything, an absent one nothing."""

    schema_extra: ClassVar[dict[str, Any]] = _ATOMIC

    match_expressions: Annotated[list[LabelSelectorRequirement], doc("Tests of labels.")] = []
    match_labels: Annotated[dict[str, str], doc("Labels that must have exactly these values.")] = {}


class PodAffinityTerm(Wire, frozen=True, kw_only=True):
    """A set of Pods, and how close is close to them."""

    label_selector: Annotated[LabelSelector | None, doc("Which Pods are meant, by their labels.")] = None
    match_label_keys: Annotated[
        list[str],
        doc("Labels of the new Pod whose values the meant Pods must share. Needs labelSelector."),
    ] = []
    mismatch_label_keys: Annotated[
        list[str],
        doc("Labels of the new Pod whose values the meant Pods must not share. Needs labelSelector."),
    ] = []
    namespace_selector: Annotated[
        LabelSelector | None,
        doc("Namespaces to look in, by their labels, in addition to `namespaces`. Empty means all."),
    ] = None
    namespaces: Annotated[
        list[str], doc("Namespaces to look in.", unset="the Pod's own, unless namespaceSelector is set")
    ] = []
    topology_key: Annotated[
        str, doc("The node label that says what a place is: nodes with the same value are one place.")
    ]


class WeightedPodAffinityTerm(Wire, frozen=True, kw_only=True):
    """A set of Pods whose nearness counts for or against a node."""

    pod_affinity_term: Annotated[PodAffinityTerm, doc("Which Pods, and how close.")]
    weight: Annotated[int, doc("How much it counts, from 1 to 100.", format="int32")]


class PodAffinity(Wire, frozen=True, kw_only=True):
    """Which Pods to be near to."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], doc("Which nodes are better, by the sum of the weights that apply.")
    ] = []
    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], doc("Which nodes are possible at all: every term must hold when scheduling.")
    ] = []


class PodAntiAffinity(Wire, frozen=True, kw_only=True):
    """Which Pods to stay away from."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[WeightedPodAffinityTerm], doc("Which nodes are worse, by the sum of the weights that apply.")
    ] = []
    required_during_scheduling_ignored_during_execution: Annotated[
        list[PodAffinityTerm], doc("Which nodes are impossible: those where a term holds when scheduling.")
    ] = []


class Affinity(Wire, frozen=True, kw_only=True):
    """Where the Pod may or should run."""

    node_affinity: Annotated[NodeAffinity | None, doc("Which nodes suit the Pod.")] = None
    pod_affinity: Annotated[PodAffinity | None, doc("Which Pods to run near to.")] = None
    pod_anti_affinity: Annotated[PodAntiAffinity | None, doc("Which Pods to run apart from.")] = None


class ImagePullSecret(Wire, frozen=True, kw_only=True):
    """Names a Secret with credentials for an image registry."""

    schema_extra: ClassVar[dict[str, Any]] = _ATOMIC

    name: Annotated[str, doc("Name of the Secret.", default="")] = ""


class Resources(Wire, frozen=True, kw_only=True):
    """How much of the node the container may use."""

    limits: Annotated[dict[str, Quantity], doc("The most that it may use, by resource.")] = {}
    requests: Annotated[
        dict[str, Quantity],
        doc(
            "The least that it is promised, by resource.",
            unset="the limits, else what the controller is set to",
        ),
    ] = {}


class SELinuxOptions(Wire, frozen=True, kw_only=True):
    """A SELinux context."""

    level: Annotated[str, doc("SELinux level.")] = ""
    role: Annotated[str, doc("SELinux role.")] = ""
    type: Annotated[str, doc("SELinux type.")] = ""
    user: Annotated[str, doc("SELinux user.")] = ""


class SeccompProfile(Wire, frozen=True, kw_only=True):
    """Which system calls are allowed."""

    localhost_profile: Annotated[
        str | None,
        doc("File on the node with the profile, below the kubelet's directory. Only with Localhost."),
    ] = None
    type: Annotated[str, doc("Where the profile comes from: Localhost, RuntimeDefault or Unconfined.")]


class Sysctl(Wire, frozen=True, kw_only=True):
    """A kernel parameter."""

    name: Annotated[str, doc("Name of the parameter.")]
    value: Annotated[str, doc("Its value.")]


class PodSecurityContext(Wire, frozen=True, kw_only=True):
    """Users, groups and confinement of the Pod's processes, on Linux."""

    fs_group: Annotated[int | None, doc("Group that owns the Pod's volumes.", format="int64")] = None
    fs_group_change_policy: Annotated[
        str | None, doc("When ownership of volumes is changed: OnRootMismatch or Always.", unset="Always")
    ] = None
    run_as_group: Annotated[
        int | None, doc("Group id to run as.", format="int64", unset="that of the image")
    ] = None
    run_as_non_root: Annotated[bool | None, doc("Whether to refuse to run as user id 0.")] = None
    run_as_user: Annotated[
        int | None, doc("User id to run as.", format="int64", unset="that of the image")
    ] = None
    se_linux_options: Annotated[
        SELinuxOptions | None, doc("SELinux context to run in.", unset="chosen by the container runtime")
    ] = None
    seccomp_profile: Annotated[SeccompProfile | None, doc("Which system calls are allowed.")] = None
    supplemental_groups: Annotated[
        list[Annotated[int, doc("A group id.", format="int64")]], doc("Further group ids to run with.")
    ] = []
    sysctls: Annotated[list[Sysctl], doc("Kernel parameters of the Pod's namespaces.")] = []


class Toleration(Wire, frozen=True, kw_only=True):
    """A taint of nodes that does not keep the Pod away."""

    effect: Annotated[
        str,
        doc("Effect of the taint: NoSchedule, PreferNoSchedule or NoExecute.", unset="every effect"),
    ] = ""
    key: Annotated[str, doc("Key of the taint.", unset="every key; then operator must be Exists")] = ""
    operator: Annotated[str, doc("Whether `value` must be Equal, or the key just Exists.", unset="Equal")] = (
        ""
    )
    toleration_seconds: Annotated[
        int | None,
        doc(
            "How long the Pod stays on a node with a NoExecute taint, in seconds.",
            format="int64",
            unset="forever",
        ),
    ] = None
    value: Annotated[str, doc("Value of the taint; empty with Exists.")] = ""


class PodTemplateSpec(Wire, frozen=True, kw_only=True):
    """Where and how the solver Pod runs. Fields that are not here cannot be changed."""

    affinity: Annotated[Affinity | None, doc("Where the Pod may or should run.")] = None
    image_pull_secrets: Annotated[
        list[ImagePullSecret], doc("Credentials for the image's registry.", map_key="name")
    ] = []
    node_selector: Annotated[
        dict[str, str], doc("Labels that a node must have; added to those the controller asks for.")
    ] = {}
    priority_class_name: Annotated[str, doc("PriorityClass of the Pod.")] = ""
    resources: Annotated[
        Resources | None,
        doc("How much of the node the Pod's container may use.", unset="what the controller is set to"),
    ] = None
    security_context: Annotated[
        PodSecurityContext | None, doc("Users, groups and confinement of the Pod's processes.")
    ] = None
    service_account_name: Annotated[str, doc("ServiceAccount that the Pod runs as.")] = ""
    tolerations: Annotated[list[Toleration], doc("Taints of nodes that do not keep the Pod away.")] = []


class TemplateMeta(Wire, frozen=True, kw_only=True):
    """Labels and annotations for an object that a solver creates."""

    annotations: Annotated[dict[str, str], doc("Annotations to add.")] = {}
    labels: Annotated[dict[str, str], doc("Labels to add.")] = {}


class PodTemplate(Wire, frozen=True, kw_only=True):
    """Changes to the Pod that answers the challenge."""

    metadata: Annotated[
        TemplateMeta | None,
        doc("Labels and annotations for the Pod. They win over those that the controller sets."),
    ] = None
    spec: Annotated[PodTemplateSpec | None, doc("Where and how the Pod runs.")] = None
