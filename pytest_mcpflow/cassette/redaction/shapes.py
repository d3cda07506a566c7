"""What the tokens of known services look like, as text: a recorder that meets no secret compiles none of it."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["hints", "shapes"]


def shapes() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Name, hints and pattern of each shape, the more specific before the more general."""
    for line in filter(None, SHAPES.splitlines()):
        name, hinted, pattern = line.split(maxsplit=2)
        yield name, tuple(hinted.split("|")) if hinted != "-" else (), pattern


def hints() -> list[str]:
    """The hints of all shapes."""
    return [hint for _, hints, _ in shapes() for hint in hints]


# Name, hints, pattern. The prefixes, alphabets and lengths are those that the services document or that secret
# scanners have observed. Where a body may have any length, it is bounded below. Each shape has a run of at
# least 16 letters, digits and marks, by which the sieve sees it; one without a hint demands upper case, lower case
# and a digit there. What may fail after a long run is bounded, so that no text takes forever.
SHAPES = r"""
github ghp_|gho_|ghu_|ghs_|ghr_|github_pat_ (?:gh[pousr]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{50,})
gitlab glpat-|gldt-|glrt- gl(?:pat|dt|rt)-[\w-]{20,}(?:\.[0-9a-z]{2}\.?[0-9a-z]{7})?
gitlab glcbt-|glptt-|glft-|glimt-|glagent-|gloas-|glsoat-|glffct- gl(?:cbt|ptt|f(?:t|fct)|imt|agent|oas|soat)-[\w-]{20,}
aws AKIA|ASIA|ABIA|ACCA|A3T (?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}(?![A-Za-z0-9])
aws-bedrock ABSK ABSK[A-Za-z0-9+/]{100,}={0,2}
google AIza|ya29.|GOCSPX-|1//0 (?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{28}|1//0[\w-]{40,})
azure Q~ [A-Za-z0-9_~.]{3}\dQ~[\w~-]{16}[\w~.-]{15,18}
slack xox|xapp- (?:xox[a-z]-(?=[\w%-]{0,48}\d)[\w-]{11}[\w%-]*|xapp-\d-[\w-]{20,})
slack hooks.slack.com (?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{20,}
stripe sk_live_|sk_test_|rk_live_|rk_test_|whsec_ (?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{24,})
anthropic sk-ant- sk-ant-[a-z]+\d*-[\w-]{40,}
openai sk- sk-(?:proj-|svcacct-|admin-|or-v1-|lf-)?(?=[\w-]{0,48}\d)[A-Za-z0-9][\w-]{31,}
npm npm_ npm_[A-Za-z0-9]{36}
pypi pypi- pypi-[\w-]{50,}
sendgrid SG. SG\.[\w-]{16,}\.[\w-]{30,}
twilio SK SK[0-9a-f]{32}(?![A-Za-z0-9])
mailgun key- key-[0-9a-f]{32}(?![A-Za-z0-9])
mailchimp -us [0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])
brevo xkeysib- xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}
huggingface hf_|api_org_ (?:hf_|api_org_)[A-Za-z0-9]{30,}
digitalocean dop_v1_|doo_v1_|dor_v1_ do[opr]_v1_[0-9a-f]{64}
vault hvs.|hvb.|hvr. hv[sbr]\.[\w-]{24,}
terraform .atlasv1. [A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}
grafana glsa_|glc_ gl(?:sa|c)_[\w+/=]{32,}
shopify shpat_|shpss_|shpca_|shppa_ shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}
docker dckr_ dckr_[po]at_[\w-]{27,}
sentry sntrys_|sntryu_ sntry[su]_[\w+/=]{40,}
linear lin_api_|lin_oauth_ lin_(?:api|oauth)_[A-Za-z0-9]{40,}
notion ntn_|secret_ (?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})
figma figd_|figo_|figu_ fig[dou]_[\w-]{40,}
postman PMAK- PMAK-[0-9a-f]{24}-[0-9a-f]{34}
newrelic NRAK-|NRII-|NRJS- (?:NRAK-[A-Z0-9]{27}|NRII-[\w-]{32}|NRJS-[0-9a-f]{19})
databricks dapi dapi[0-9a-f]{32}(?:-\d)?(?![A-Za-z0-9])
pulumi pul- pul-[0-9a-f]{40}
doppler dp.pt.|dp.st.|dp.ct.|dp.sa. dp\.(?:pt|st|ct|sa)\.[\w-]{40,}
tailscale tskey- tskey-[a-z]+-[\w-]{16,}
atlassian ATATT3|ATCTT3 AT[AC]TT3[\w=-]{60,}
square sq0atp-|sq0csp-|EAAA (?:sq0(?:atp|csp)-[\w-]{22,}|EAAA[\w-]{60})
facebook EAA EAA[A-Z][A-Za-z0-9]{90,}
rubygems rubygems_ rubygems_[0-9a-f]{48}
planetscale pscale_ pscale_(?:tkn|pw|oauth)_[\w=.-]{32,}
supabase sbp_|sb_secret_ (?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})
groq gsk_ gsk_[A-Za-z0-9]{40,}
xai xai- xai-[A-Za-z0-9]{60,}
replicate r8_ r8_[A-Za-z0-9]{37}
perplexity pplx- pplx-[A-Za-z0-9]{40,}
langsmith lsv2_ lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}
telegram :AA \d{8,10}:AA[\w-]{32,33}(?![\w-])
discord /api/webhooks/ (?<=/api/webhooks/)\d{15,}/[\w-]{40,}
discord-bot - [MNO](?=[\w-]{0,26}\d)(?=[\w-]{0,26}[a-z])[\w-]{23,27}\.[\w-]{6,7}\.[\w-]{27,40}(?![\w-])
teams webhook.office.com (?<=webhook\.office\.com/)webhookb2/[\w@/-]{60,}
airtable - pat(?=[a-z0-9]{0,13}[A-Z])(?=[A-Za-z]{0,13}\d)[A-Za-z0-9]{14}\.[0-9a-f]{64}
contentful CFPAT- CFPAT-[\w-]{43}
adobe p8e- p8e-[0-9a-z]{32}
alibaba LTAI LTAI[A-Za-z0-9]{12,20}(?![A-Za-z0-9])
cloudflare v1.0- v1\.0-[0-9a-f]{24}-[0-9a-f]{146}
heroku HRKU- HRKU-[\w-]{36,}
fly fo1_|fm1a_|fm1r_|fm2_ (?:fo1_[\w-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,}={0,3})
dynatrace dt0 dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}
easypost EZAK|EZTK EZ[AT]K[A-Za-z0-9]{54}
openshift sha256~ sha256~[\w-]{43}
age AGE-SECRET-KEY-1 AGE-SECRET-KEY-1[A-Z0-9]{58}
onepassword A3- A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}
onepassword ops_eyJ ops_eyJ[A-Za-z0-9+/]{100,}={0,3}
jwt eyJ (?:(?<![A-Za-z0-9])|(?<=\\[nrt]))eyJ[\w-]{10,3000}\.[\w-]{10,}(?:\.[\w-]*){0,3}
"""
