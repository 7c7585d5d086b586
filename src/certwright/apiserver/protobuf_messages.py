"""Which field number of which message is which JSON field: facts of `generated.proto` files, as one table.

Here are the kinds this server serves and what they hold; how bytes are read is in `protobuf_objects`.
Source: `k8s.io/api`, `k8s.io/apimachinery` and `k8s.io/apiextensions-apiserver`, release 1.36.

A line is NUMBER NAME TYPE. `[T]` is repeated, `{T}` a map with text as keys. The mark behind the type says
when the field stands in JSON: none, when it is not empty; `?`, when it was sent (a pointer in Go); `!`,
always; `?!`, always, and null when it was not sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

_TABLE: Final = """
Namespace
  1 metadata ObjectMeta!
  2 spec NamespaceSpec!
  3 status NamespaceStatus!
Secret
  1 metadata ObjectMeta!
  2 data {bytes}
  3 type string
  4 stringData {string}
  5 immutable bool?
ConfigMap
  1 metadata ObjectMeta!
  2 data {string}
  3 binaryData {bytes}
  4 immutable bool?
ServiceAccount
  1 metadata ObjectMeta!
  2 secrets [ObjectReference]
  3 imagePullSecrets [LocalObjectReference]
  4 automountServiceAccountToken bool?
Event
  1 metadata ObjectMeta!
  2 involvedObject ObjectReference!
  3 reason string
  4 message string
  5 source EventSource!
  6 firstTimestamp Time!
  7 lastTimestamp Time!
  8 count int32
  9 type string
  10 eventTime MicroTime!
  11 series EventSeries?
  12 action string
  13 related ObjectReference?
  14 reportingComponent string!
  15 reportingInstance string!
Lease
  1 metadata ObjectMeta!
  2 spec LeaseSpec!
CustomResourceDefinition
  1 metadata ObjectMeta!
  2 spec CustomResourceDefinitionSpec!
  3 status CustomResourceDefinitionStatus!
SelfSubjectAccessReview
  1 metadata ObjectMeta!
  2 spec SelfSubjectAccessReviewSpec!
  3 status SubjectAccessReviewStatus!
SubjectAccessReview
  1 metadata ObjectMeta!
  2 spec SubjectAccessReviewSpec!
  3 status SubjectAccessReviewStatus!
LocalSubjectAccessReview
  1 metadata ObjectMeta!
  2 spec SubjectAccessReviewSpec!
  3 status SubjectAccessReviewStatus!
SelfSubjectRulesReview
  1 metadata ObjectMeta!
  2 spec SelfSubjectRulesReviewSpec!
  3 status SubjectRulesReviewStatus!
SelfSubjectReview
  1 metadata ObjectMeta!
  2 status SelfSubjectReviewStatus!
TokenRequest
  1 metadata ObjectMeta!
  2 spec TokenRequestSpec!
  3 status TokenRequestStatus!
TokenReview
  1 metadata ObjectMeta!
  2 spec TokenReviewSpec!
  3 status TokenReviewStatus!
DeleteOptions
  1 gracePeriodSeconds int64?
  2 preconditions Preconditions?
  3 orphanDependents bool?
  4 propagationPolicy string?
  5 dryRun [string]
  6 ignoreStoreReadErrorWithClusterBreakingPotential bool?
ObjectMeta
  1 name string
  2 generateName string
  3 namespace string
  4 selfLink string
  5 uid string
  6 resourceVersion string
  7 generation int64
  8 creationTimestamp Time
  9 deletionTimestamp Time?
  10 deletionGracePeriodSeconds int64?
  11 labels {string}
  12 annotations {string}
  13 ownerReferences [OwnerReference]
  14 finalizers [string]
  17 managedFields [ManagedFieldsEntry]
NamespaceSpec
  1 finalizers [string]
NamespaceStatus
  1 phase string
  2 conditions [NamespaceCondition]
ObjectReference
  1 kind string
  2 namespace string
  3 name string
  4 uid string
  5 apiVersion string
  6 resourceVersion string
  7 fieldPath string
LocalObjectReference
  1 name string
EventSource
  1 component string
  2 host string
EventSeries
  1 count int32
  2 lastObservedTime MicroTime!
LeaseSpec
  1 holderIdentity string?
  2 leaseDurationSeconds int32?
  3 acquireTime MicroTime?
  4 renewTime MicroTime?
  5 leaseTransitions int32?
  6 strategy string?
  7 preferredHolder string?
CustomResourceDefinitionSpec
  1 group string!
  3 names CustomResourceDefinitionNames!
  4 scope string!
  7 versions [CustomResourceDefinitionVersion]!
  9 conversion CustomResourceConversion?
  10 preserveUnknownFields bool
CustomResourceDefinitionStatus
  1 conditions [CustomResourceDefinitionCondition]!
  2 acceptedNames CustomResourceDefinitionNames!
  3 storedVersions [string]!
  4 observedGeneration int64
SelfSubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes?
  2 nonResourceAttributes NonResourceAttributes?
SubjectAccessReviewStatus
  1 allowed bool!
  2 reason string
  3 evaluationError string
  4 denied bool
SubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes?
  2 nonResourceAttributes NonResourceAttributes?
  3 user string
  4 groups [string]
  5 extra {ExtraValue}
  6 uid string
SelfSubjectRulesReviewSpec
  1 namespace string
SubjectRulesReviewStatus
  1 resourceRules [ResourceRule]!
  2 nonResourceRules [NonResourceRule]!
  3 incomplete bool!
  4 evaluationError string
SelfSubjectReviewStatus
  1 userInfo UserInfo!
TokenRequestSpec
  1 audiences [string]!
  3 boundObjectRef BoundObjectReference?!
  4 expirationSeconds int64?!
TokenRequestStatus
  1 token string!
  2 expirationTimestamp Time!
TokenReviewSpec
  1 token string
  2 audiences [string]
TokenReviewStatus
  1 authenticated bool
  2 user UserInfo!
  3 error string
  4 audiences [string]
Preconditions
  1 uid string?
  2 resourceVersion string?
OwnerReference
  1 kind string!
  3 name string!
  4 uid string!
  5 apiVersion string!
  6 controller bool?
  7 blockOwnerDeletion bool?
ManagedFieldsEntry
  1 manager string
  2 operation string
  3 apiVersion string
  4 time Time?
  6 fieldsType string
  7 fieldsV1 FieldsV1?
  8 subresource string
NamespaceCondition
  1 type string!
  2 status string!
  4 lastTransitionTime Time!
  5 reason string
  6 message string
CustomResourceDefinitionNames
  1 plural string!
  2 singular string
  3 shortNames [string]
  4 kind string!
  5 listKind string
  6 categories [string]
CustomResourceDefinitionVersion
  1 name string!
  2 served bool!
  3 storage bool!
  4 schema CustomResourceValidation?
  5 subresources CustomResourceSubresources?
  6 additionalPrinterColumns [CustomResourceColumnDefinition]
  7 deprecated bool
  8 deprecationWarning string?
  9 selectableFields [SelectableField]
CustomResourceConversion
  1 strategy string!
  2 webhook WebhookConversion?
CustomResourceDefinitionCondition
  1 type string!
  2 status string!
  3 lastTransitionTime Time!
  4 reason string
  5 message string
  6 observedGeneration int64
ResourceAttributes
  1 namespace string
  2 verb string
  3 group string
  4 version string
  5 resource string
  6 subresource string
  7 name string
  8 fieldSelector FieldSelectorAttributes?
  9 labelSelector LabelSelectorAttributes?
NonResourceAttributes
  1 path string
  2 verb string
ResourceRule
  1 verbs [string]!
  2 apiGroups [string]
  3 resources [string]
  4 resourceNames [string]
NonResourceRule
  1 verbs [string]!
  2 nonResourceURLs [string]
UserInfo
  1 username string
  2 uid string
  3 groups [string]
  4 extra {ExtraValue}
BoundObjectReference
  1 kind string
  2 apiVersion string
  3 name string
  4 uid string
CustomResourceValidation
  1 openAPIV3Schema JSONSchemaProps?
CustomResourceSubresources
  1 status CustomResourceSubresourceStatus?
  2 scale CustomResourceSubresourceScale?
CustomResourceColumnDefinition
  1 name string!
  2 type string!
  3 format string
  4 description string
  5 priority int32
  6 jsonPath string!
SelectableField
  1 jsonPath string!
WebhookConversion
  2 clientConfig WebhookClientConfig?
  3 conversionReviewVersions [string]!
FieldSelectorAttributes
  1 rawSelector string
  2 requirements [FieldSelectorRequirement]
LabelSelectorAttributes
  1 rawSelector string
  2 requirements [LabelSelectorRequirement]
JSONSchemaProps
  1 id string
  2 $schema string
  3 $ref string?
  4 description string
  5 type string
  6 format string
  7 title string
  8 default JSON?
  9 maximum double?
  10 exclusiveMaximum bool
  11 minimum double?
  12 exclusiveMinimum bool
  13 maxLength int64?
  14 minLength int64?
  15 pattern string
  16 maxItems int64?
  17 minItems int64?
  18 uniqueItems bool
  19 multipleOf double?
  20 enum [JSON]
  21 maxProperties int64?
  22 minProperties int64?
  23 required [string]
  24 items JSONSchemaPropsOrArray?
  25 allOf [JSONSchemaProps]
  26 oneOf [JSONSchemaProps]
  27 anyOf [JSONSchemaProps]
  28 not JSONSchemaProps?
  29 properties {JSONSchemaProps}
  30 additionalProperties JSONSchemaPropsOrBool?
  31 patternProperties {JSONSchemaProps}
  32 dependencies {JSONSchemaPropsOrStringArray}
  33 additionalItems JSONSchemaPropsOrBool?
  34 definitions {JSONSchemaProps}
  35 externalDocs ExternalDocumentation?
  36 example JSON?
  37 nullable bool
  38 x-kubernetes-preserve-unknown-fields bool?
  39 x-kubernetes-embedded-resource bool
  40 x-kubernetes-int-or-string bool
  41 x-kubernetes-list-map-keys [string]
  42 x-kubernetes-list-type string?
  43 x-kubernetes-map-type string?
  44 x-kubernetes-validations [ValidationRule]
CustomResourceSubresourceStatus
CustomResourceSubresourceScale
  1 specReplicasPath string!
  2 statusReplicasPath string!
  3 labelSelectorPath string?
WebhookClientConfig
  1 service ServiceReference?
  2 caBundle bytes
  3 url string?
FieldSelectorRequirement
  1 key string!
  2 operator string!
  3 values [string]
LabelSelectorRequirement
  1 key string!
  2 operator string!
  3 values [string]
ExternalDocumentation
  1 description string
  2 url string
ValidationRule
  1 rule string!
  2 message string
  3 messageExpression string
  4 reason string?
  5 fieldPath string
  6 optionalOldSelf bool?
ServiceReference
  1 namespace string!
  2 name string!
  3 path string?
  4 port int32?
JSONSchemaPropsOrArray
  1 schema JSONSchemaProps?
  2 list [JSONSchemaProps]
JSONSchemaPropsOrBool
  1 allows bool
  2 schema JSONSchemaProps?
JSONSchemaPropsOrStringArray
  1 schema JSONSchemaProps?
  2 list [string]
ExtraValue
  1 list [string]
FieldsV1
  1 raw bytes
JSON
  1 raw bytes
Time
  1 seconds int64
  2 nanos int32
MicroTime
  1 seconds int64
  2 nanos int32
"""

OPTIONS: Final = frozenset(("DeleteOptions",))
"""Messages that belong to every group and version."""
KINDS: Final = {
    (group, kind): kind
    for group, kinds in {
        "v1": ("Namespace", "Secret", "ConfigMap", "ServiceAccount", "Event"),
        "coordination.k8s.io/v1": ("Lease",),
        "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
        "authorization.k8s.io/v1": (
            "SelfSubjectAccessReview",
            "SubjectAccessReview",
            "LocalSubjectAccessReview",
            "SelfSubjectRulesReview",
        ),
        "authentication.k8s.io/v1": ("SelfSubjectReview", "TokenRequest", "TokenReview"),
    }.items()
    for kind in kinds
}
"""The message of an apiVersion and kind."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `shape` is `one`, `list` or `map`; `type` a scalar or the name of a message."""

    number: int
    name: str
    type: str
    shape: str
    pointer: bool
    """Whether it stands in JSON when it was sent, empty or not."""
    always: bool
    """Whether it stands in JSON also when it was not sent."""


_TYPE: Final = re.compile(r"(?P<open>[\[{]?)(?P<type>\w+)[\]}]?(?P<pointer>\??)(?P<always>!?)")
_SHAPES: Final = {"": "one", "[": "list", "{": "map"}


def _field(line: str) -> Field:
    number, name, described = line.split()
    found = _TYPE.fullmatch(described)
    assert found is not None, line  # noqa: S101 - the table is above
    return Field(
        int(number),
        name,
        found["type"],
        _SHAPES[found["open"]],
        bool(found["pointer"]),
        bool(found["always"]),
    )


@cache
def messages() -> dict[str, tuple[Field, ...]]:
    """The fields of every message by its name; read from the table when a client first speaks protobuf."""
    found: dict[str, list[Field]] = {}
    message = ""
    for line in _TABLE.strip().splitlines():
        if line.startswith(" "):
            found[message].append(_field(line))
        else:
            message = line
            found[message] = []
    return {name: tuple(fields) for name, fields in found.items()}
