-- Grain: what a month's records add to one measure: known_month × month × branch_code × measure_id.
-- month is the business month of the records. Additive over months and known_months; measures named eligible_… are head counts
-- of which the newest stands. Sums are exact: integers and decimals, no floating point.
with decisions as (

    select
        decided_month as month,
        branch_code,
        sum(case when is_covered then sign else 0 end) as covered_decisions,
        sum(case when is_covered and is_within_standard then sign else 0 end) as covered_decisions_in_time,
        sum(case when is_covered then sign * service_days else 0 end) as covered_decision_days,
        sum(sign) as applications,
        sum(case when channel = '窓口' then sign else 0 end) as counter_applications
    from {{ ref('fact_benefit_decisions') }}
    group by decided_month, branch_code

),

claims_by_review as (

    select
        review_month as month,
        branch_code,
        sum(claims) as claims,
        sum(points) * 10 as medical_cost_yen
    from {{ ref('fact_claims') }}
    group by review_month, branch_code

),

claims_by_service as (

    select
        service_month as month,
        branch_code,
        sum(generic_quantity) as generic_quantity,
        sum(generic_quantity) + sum(brand_quantity) as generic_or_brand_quantity,
        sum(generic_yen) as generic_yen,
        sum(generic_yen) + sum(brand_yen) as generic_or_brand_yen
    from {{ ref('fact_claims') }}
    group by service_month, branch_code

),

audit_bases as (

    select
        fiscal_year,
        max(value) as assessed_receipt_basis
    from {{ source('reference', 'parameters') }}
    where parameter = 'assessed_receipt_basis'
    group by fiscal_year

),

-- the parameter says which re-examined receipts count: those that were cut, or all whose re-examination came to a result
audits as (

    select
        results.result_month as month,
        results.branch_code,
        sum(case when results.outcome = '査定' then results.sign * results.assessed_yen else 0 end) as assessed_yen,
        sum(
            case
                when results.outcome = '査定' or audit_bases.assessed_receipt_basis = 'concluded' then results.sign
                else 0
            end
        ) as assessed_requests
    from {{ ref('fact_receipt_audits') }} as results
    left join audit_bases
        on {{ fiscal_year('results.result_month') }} = audit_bases.fiscal_year
    where
        results.audit_type = '内容点検'
        and results.result_month is not null
        and results.outcome is not null
    group by results.result_month, results.branch_code

),

recoveries as (

    select
        event_month as month,
        branch_code,
        sum(case when event = '収納' then sign * amount_yen else 0 end) as collected_yen,
        sum(
            case event
                when '調定' then sign * amount_yen
                when '取消' then -sign * amount_yen
                else 0
            end
        ) as recoverable_yen
    from {{ ref('fact_recovery_events') }}
    where
        debt_type != '診療報酬返還金（不当請求）'
        and {{ fiscal_year('event_month') }} = established_fiscal_year
    group by event_month, branch_code

),

checkups as (

    select
        known_month as month,
        branch_code,
        sum(case when programme = '生活習慣病予防健診' then performed end) as checkups_insured,
        sum(case when programme = '事業者健診データ' then performed end) as checkups_employer,
        sum(case when programme = '被扶養者特定健診' then performed end) as checkups_dependants,
        max(case when programme = '生活習慣病予防健診' then eligible end) as eligible_checkups_insured,
        coalesce(
            max(case when programme = '事業者健診データ' then eligible end),
            max(case when programme = '生活習慣病予防健診' then eligible end)
        ) as eligible_checkups_employer,
        max(case when programme = '被扶養者特定健診' then eligible end) as eligible_checkups_dependants
    from {{ ref('stg_checkup_counts') }}
    group by known_month, branch_code

),

guidance as (

    select
        known_month as month,
        branch_code,
        sum(case when subject = '被保険者' then evaluated end) as guidance_insured,
        sum(case when subject = '被扶養者' then evaluated end) as guidance_dependants,
        max(case when subject = '被保険者' then eligible end) as eligible_guidance_insured,
        max(case when subject = '被扶養者' then eligible end) as eligible_guidance_dependants
    from {{ ref('stg_guidance_counts') }}
    group by known_month, branch_code

),

{% set measures = {
    'decisions': [
        'covered_decisions', 'covered_decisions_in_time', 'covered_decision_days', 'applications', 'counter_applications'
    ],
    'claims_by_review': ['claims', 'medical_cost_yen'],
    'claims_by_service': ['generic_quantity', 'generic_or_brand_quantity', 'generic_yen', 'generic_or_brand_yen'],
    'audits': ['assessed_yen', 'assessed_requests'],
    'recoveries': ['collected_yen', 'recoverable_yen'],
    'checkups': [
        'checkups_insured', 'checkups_employer', 'checkups_dependants',
        'eligible_checkups_insured', 'eligible_checkups_employer', 'eligible_checkups_dependants'
    ],
    'guidance': ['guidance_insured', 'guidance_dependants', 'eligible_guidance_insured', 'eligible_guidance_dependants'],
} %}
long as (

    {% for step, names in measures.items() %}
        {% set is_last_step = loop.last %}
        {% for name in names %}
            select
                month,
                branch_code,
                '{{ name }}' as measure_id,
                cast({{ name }} as decimal(28, 10)) as value
            from {{ step }}
            {{ 'union all' if not (is_last_step and loop.last) }}
        {% endfor %}
    {% endfor %}

),

final as (

    select
        '{{ var("month") }}' as known_month,
        month,
        branch_code,
        measure_id,
        value
    from long
    where value is not null

)

select * from final
order by month, branch_code, measure_id
