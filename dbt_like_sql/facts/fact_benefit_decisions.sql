-- Grain: one version of an application: known_month × branch_code × application_no × sign.
-- An application of the month counts +1. One that was sent in an earlier month already replaces that version: the earlier one
-- counts −1 from this month on, in its own month of decision, so that sums over known_month see it once and as known last.
-- Days of the service standard: counted days after the receipt up to and with the transfer, without those on which the
-- application was with the applicant for correction. Covered are paid applications of the fiscal year's covered benefit types.
with received as (

    select * from {{ ref('stg_benefit_decisions') }}

),

replaced as (

    select earlier.*
    from {{ history('stg_benefit_decisions') }} as earlier
    semi join received
        on
            earlier.branch_code = received.branch_code
            and earlier.application_no = received.application_no
    where earlier.known_month < '{{ var("month") }}'
    qualify
        row_number() over (
            partition by earlier.branch_code, earlier.application_no
            order by earlier.known_month desc
        ) = 1

),

versions as (

    select
        branch_code,
        application_no,
        1 as sign,
        benefit_type,
        channel,
        decision,
        received_on,
        returned_on,
        resubmitted_on,
        decided_on,
        paid_on
    from received
    union all
    select
        branch_code,
        application_no,
        -1 as sign,
        benefit_type,
        channel,
        decision,
        received_on,
        returned_on,
        resubmitted_on,
        decided_on,
        paid_on
    from replaced

),

parameters as (

    select * from {{ source('reference', 'parameters') }}

),

standards as (

    select
        fiscal_year,
        max(case when parameter = 'service_standard_day_count' then value end) as day_count,
        cast(max(case when parameter = 'service_standard_days' then value end) as integer) as standard_days
    from parameters
    group by fiscal_year

),

covered_types as (

    select
        fiscal_year,
        value as benefit_type
    from parameters
    where parameter = 'service_standard_benefit_type'

),

calendar as (

    select * from {{ source('reference', 'calendar') }}

),

-- days elapsed at the four dates, by the day count of the decision's fiscal year; while an application is with the applicant
-- the clock stops, but only between its receipt and its transfer
counted as (

    select
        versions.branch_code,
        versions.application_no,
        versions.sign,
        versions.benefit_type,
        versions.channel,
        versions.decision,
        {{ month_of('versions.decided_on') }} as decided_month,
        standards.standard_days,
        versions.decision = '支給' and covered_types.benefit_type is not null as is_covered,
        case when standards.day_count = 'business' then received.business_days_elapsed else received.calendar_days_elapsed end
            as elapsed_received,
        case when standards.day_count = 'business' then paid.business_days_elapsed else paid.calendar_days_elapsed end
            as elapsed_paid,
        case when standards.day_count = 'business' then paused.business_days_elapsed else paused.calendar_days_elapsed end
            as elapsed_paused,
        case when standards.day_count = 'business' then resumed.business_days_elapsed else resumed.calendar_days_elapsed end
            as elapsed_resumed
    from versions
    left join standards
        on {{ fiscal_year(month_of('versions.decided_on')) }} = standards.fiscal_year
    left join covered_types
        on
            standards.fiscal_year = covered_types.fiscal_year
            and versions.benefit_type = covered_types.benefit_type
    left join calendar as received
        on versions.received_on = received.day
    left join calendar as paid
        on versions.paid_on = paid.day
    left join calendar as paused
        on
            case when versions.resubmitted_on is not null then greatest(versions.returned_on, versions.received_on) end
            = paused.day
    left join calendar as resumed
        on
            case when versions.returned_on is not null then least(versions.resubmitted_on, versions.paid_on) end
            = resumed.day

),

timed as (

    select
        *,
        case
            when is_covered
                then elapsed_paid - elapsed_received - coalesce(greatest(elapsed_resumed - elapsed_paused, 0), 0)
        end as service_days
    from counted

),

final as (

    select
        '{{ var("month") }}' as known_month,
        branch_code,
        application_no,
        sign,
        decided_month,
        benefit_type,
        channel,
        decision,
        is_covered,
        cast(service_days as integer) as service_days,
        service_days <= standard_days as is_within_standard
    from timed

)

select * from final
order by branch_code, application_no, sign
